"""generate -> embed -> score -> report, going on where a stopped run was."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import Cancelled, InputError
from core.files import write_text
from core.workspace import work_folder
from evaluation.benchmark.cache import EmbeddingCache, ScoreCache
from evaluation.benchmark.difference import all_pairs
from evaluation.benchmark.difference_report import difference_report
from evaluation.benchmark.embedder import Embedder, open_models
from evaluation.benchmark.generation import PipelineKeeper, generate, is_made, made_with
from evaluation.benchmark.plan import Plan, System
from evaluation.benchmark.preflight import Preflight, require_weights, why_absent
from evaluation.benchmark.progress import Counter, Listener, Step, to_stderr
from evaluation.benchmark.report_samples import report_samples
from evaluation.benchmark.reporting import run_report
from evaluation.benchmark.results import FILE, ClipPair, RunResult, SystemResult
from evaluation.benchmark.scoring import embed_sets, near_copies, score_sets, score_slices
from evaluation.benchmark.sets.items import chosen_items, items_of
from evaluation.benchmark.sets.paired_sets import PairedSets, pair_sets, problem_text
from evaluation.benchmark.sets.reference_statistics import ReferenceStatistics, without_audio
from evaluation.benchmark.workers import Workers
from evaluation.datasets import Dataset, Item
from evaluation.embeddings import digest
from evaluation.report import ReportFiles, write_report
from evaluation.suite import Metric, Recipe, is_own, package_versions


@dataclass(frozen=True)
class RunOptions:
    """How a plan is run; none of it changes a number.

    Attributes:
        out: the run's folder; by default `$STUDIO_WORK/benchmark/<plan>`, where each run's
            results have a folder of their own, named by what decides them.
        available: leave out systems whose folder or weights are not here, and say so.
        fetch: download the metrics' weights where they are absent.
        device: where models run.
        playable: items that the page plays.
        weights: model -> path of its weights, where they lie elsewhere.
        overwrite: replace results that are there and differ.
        pairs: compare all pairs of systems, with Holm over all tests, in the same report.
        caption, label: of the LaTeX table; by default its title, and none.
    """

    out: Path | None = None
    available: bool = False
    fetch: bool = False
    device: str = "cpu"
    playable: int = 6
    weights: Mapping[str, Path] = field(default_factory=dict)
    overwrite: bool = False
    pairs: bool = False
    caption: str = ""
    label: str = ""


class Run:
    """One plan in one folder.

    Args:
        listener: told of every step.
        should_stop: asked between steps; a stopped run goes on when it is started again.
    """

    def __init__(
        self,
        plan: Plan,
        options: RunOptions = RunOptions(),
        listener: Listener = to_stderr,
        should_stop: Callable[[], bool] = lambda: False,
    ) -> None:
        self.statistics = (
            ReferenceStatistics.read(plan.dataset.statistics) if plan.dataset.statistics else None
        )
        self.left_out: list[str] = []
        if plan.dataset.audio is None:
            chosen, self.left_out = without_audio(plan.recipe, self.statistics)
            plan = dataclasses.replace(plan, recipe=chosen)
        self.plan, self.options = plan, options
        self.listener, self.should_stop = listener, should_stop
        self.folder = options.out or work_folder() / "benchmark" / plan.name
        named = plan.recipe.name if options.out else f"{plan.recipe.name}-{plan.digest}"
        self.results_folder = self.folder / named
        self.workers = Workers()

    def run(self) -> tuple[RunResult, ReportFiles] | None:
        """Everything; None for all workers but the first, which merges and reports.

        Raises: InputError or FailureError naming what stands in the way; Cancelled when stopped.
        """
        self.workers = Workers.join()
        try:
            return self._run()
        finally:
            self.workers.leave()

    def _run(self) -> tuple[RunResult, ReportFiles] | None:
        dataset, absent = self._preflight()
        running = [system for system in self.plan.systems if system.slug not in absent]
        device = self.workers.device(self.options.device)
        models = open_models(self.plan.recipe, self.options.fetch, device, self.options.weights)
        embedder = Embedder(models, EmbeddingCache())
        self._generate(running, dataset, device)
        self.workers.wait()
        sets = {system.slug: self._pair(system, dataset.items) for system in running}
        for system in running:
            self._embed(system, sets[system.slug], embedder)
        self.workers.wait()
        if not self.workers.first:
            return None
        results = []
        for system in self.plan.systems:
            if system.slug in absent:
                recipe = self._recipe(system)
                results.append(SystemResult.not_made(system, recipe, absent[system.slug]))
                continue
            scored, sets[system.slug] = self._score(system, sets[system.slug], embedder)
            results.append(scored)
        result = self._result(dataset, embedder, tuple(results))
        return result, self._report(result, running, sets)

    def _preflight(self) -> tuple[Dataset, dict[str, str]]:
        """All that can be refused before anything is made, at once.

        Returns: the items, and slug -> why of systems that are left out.
        """
        dataset = chosen_items(self.plan.dataset)
        checks = Preflight()
        options = self.options
        checks.attempt(
            lambda: require_weights(self.plan.recipe.models, options.weights, options.fetch)
        )
        absent: dict[str, str] = {}
        checks.attempt(lambda: absent.update(self._absent()))
        for system in self.plan.systems:
            if system.folder is not None and system.folder.is_dir():
                checks.attempt(functools.partial(self._pair, system, dataset.items))
        checks.finish()
        return dataset, absent

    def _recipe(self, system: System) -> Recipe:
        return system.task.recipe(self.plan.recipe)

    def generated_folder(self, system: System) -> Path:
        """Where a system's files are."""
        return system.folder or self.folder / "generated" / system.slug

    def _absent(self) -> dict[str, str]:
        """slug -> why, of systems that cannot be run here."""
        reasons = {
            system.slug: reason
            for system in self.plan.systems
            if (system.folder is not None or self.options.available)
            and (reason := why_absent(system))
        }
        if reasons and not self.options.available:
            slug, reason = next(iter(reasons.items()))
            raise InputError("system", slug, f"{reason}; put it there or add --available")
        if len(reasons) == len(self.plan.systems):
            raise InputError("systems", len(reasons), "none of them can be run here")
        return reasons

    def _generate(self, running: Sequence[System], dataset: Dataset, device: str) -> None:
        keeper = PipelineKeeper(device)
        for system in running:
            if system.variant is None:
                continue
            wanted = items_of(system, dataset.items)
            if system.task.continuation is not None:  # what has no real clip cannot be continued
                wanted = [item for item in wanted if item.reference is not None]
            share = self.workers.share(wanted)
            folder = self.generated_folder(system)
            folder.mkdir(parents=True, exist_ok=True)
            done = sum(is_made(folder, item.id) for item in share)
            counter = Counter(self.listener, "generate", system.title, len(share), done)
            generate(system, share, folder, keeper, counter, self.should_stop)

    def _pair(self, system: System, items: Sequence[Item]) -> PairedSets:
        folder = self.generated_folder(system)
        here = system.variant is not None and self.workers.first
        return pair_sets(
            system,
            self._recipe(system),
            items_of(system, items),
            folder,
            self.plan.dataset.audio,
            made_with(folder) if here else {},
            self.plan.incomplete,
            self.plan.forced,
            self.plan.unequal_clips,
            self.plan.dataset.kind == "musiccaps",
        )

    def _embed(self, system: System, sets: PairedSets, embedder: Embedder) -> None:
        recipe = self._recipe(system)
        shares = [self.workers.share(side) for side in (sets.generated, sets.reference)]
        total = sum(map(len, shares)) * len(recipe.embeddings)
        counter = Counter(self.listener, "embed", system.title, total)
        for embedding in recipe.embeddings:
            for share in shares:  # apart: an item and its real clip may carry the same id
                if self.should_stop():
                    raise Cancelled
                embedder.arrays(embedding, share, counter.step)

    def _tell(self, system: System) -> Callable[[int, int], None]:
        def tell(done: int, total: int) -> None:
            if self.should_stop():
                raise Cancelled
            self.listener(Step("score", system.title, done, total, None))

        return tell

    def _score(
        self, system: System, sets: PairedSets, embedder: Embedder
    ) -> tuple[SystemResult, PairedSets]:
        recipe = self._recipe(system)
        sets, arrays = embed_sets(recipe, sets, embedder, self.plan.incomplete)
        tell = self._tell(system)
        told: list[str] = []
        metrics = score_sets(
            recipe, sets, arrays, embedder, ScoreCache(), self.statistics, tell, told.append
        )
        notes = told + near_copies(recipe, sets, arrays)
        parts, more = score_slices(
            self.plan.slices, recipe, sets, arrays, embedder, self.statistics, tell
        )
        real = {clip.id: clip for clip in sets.reference}
        pairs = {}
        for item, clip in zip(sets.items, sets.generated):
            other = real.get(item.reference_id)
            keys = {
                digest(one): (embedder.key(one, clip), embedder.key(one, other) if other else "")
                for one in recipe.embeddings
            }
            pairs[item.id] = ClipPair(clip.sha256, other.sha256 if other else item.id, keys)
        result = SystemResult(
            name=system.name,
            task=system.task.name,
            labels=dict(system.labels),
            recipe=recipe.name,
            recipe_digest=recipe.digest,
            published=dict(system.published),
            expected=sets.presence.expected,
            missing=sets.presence.missing,
            counts=sets.counts,
            problems=(*map(problem_text, sets.problems), *notes, *more, *self.left_out),
            made_with=made_with(self.generated_folder(system)) if system.variant else {},
            metrics=metrics,
            pairs=pairs,
            spans=system.task.spans_text,
            slices=parts,
        )
        return result, sets

    def _result(
        self, dataset: Dataset, embedder: Embedder, systems: tuple[SystemResult, ...]
    ) -> RunResult:
        recipes = {name: recipe.as_dict() for name, recipe in self.plan.recipes.items()}
        weights = {
            name: model.weights.sha256 + ("" if model.weights.official else " (NOT PUBLISHED)")
            for name, model in embedder.models.items()
        }
        return RunResult(
            self.plan.name,
            self.plan.title,
            dataset.name,
            self.plan.published_on,
            recipes,
            package_versions(),
            weights,
            systems,
        )

    def _own(self) -> list[Metric]:
        return [metric for metric in self.plan.recipe.metrics if is_own(metric)]

    def _free_folder(self, text: str) -> Path:
        """The results' folder, or a numbered one beside it where other results lie there."""
        folder, number = self.results_folder, 1
        while (folder / FILE).is_file() and not self.options.overwrite:
            if (folder / FILE).read_text(encoding="utf-8") == text:
                break
            number += 1
            folder = self.results_folder.with_name(f"{self.results_folder.name}-{number}")
        if folder != self.results_folder:
            print(
                f"{self.results_folder} holds other results; these go to {folder} "
                "(--overwrite replaces them)",
                file=sys.stderr,
            )
        return folder

    def _report(
        self, result: RunResult, running: Sequence[System], sets: dict[str, PairedSets]
    ) -> ReportFiles:
        text = json.dumps(result.as_dict(), indent=1, allow_nan=False)
        folder = self._free_folder(text)
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / FILE, text)
        played = report_samples(running, sets, result.systems, self.options.playable)
        report = run_report(result, self.plan.recipes, played)
        if self.options.pairs:
            found = difference_report(result, result, all_pairs(result, metrics=self._own()))
            report = dataclasses.replace(report, tables=(*report.tables, *found.tables))
        files = write_report(report, folder, self.options.caption, self.options.label)
        self.listener(Step("report", self.plan.title, 1, 1, 0.0))
        return files
