"""generate -> embed -> score -> report, going on where a stopped run was."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import Cancelled, InputError
from core.workspace import work_folder
from evaluation.benchmark.cache import EmbeddingCache
from evaluation.benchmark.embedding import Embedder, open_models
from evaluation.benchmark.generation import PipelineKeeper, generate, is_made, made_with
from evaluation.benchmark.items import chosen_items, items_of
from evaluation.benchmark.plan import Plan, System
from evaluation.benchmark.playing import playable_items
from evaluation.benchmark.presence import why_absent
from evaluation.benchmark.progress import Counter, Listener, Step, to_stderr
from evaluation.benchmark.reporting import run_report
from evaluation.benchmark.results import FILE, ClipPair, RunResult, SystemResult
from evaluation.benchmark.scoring import score
from evaluation.benchmark.sides import Sides, compare_sides, problem_text
from evaluation.benchmark.workers import Workers
from evaluation.datasets import Dataset, Item
from evaluation.metrics import Recipe
from evaluation.report import ReportFiles, write_report


@dataclass(frozen=True)
class RunOptions:
    """How a plan is run; none of it changes a number.

    Attributes:
        out: the run's folder; by default `$STUDIO_WORK/benchmark/<plan>`.
        available: leave out systems whose folder or weights are not here, and say so.
        fetch: download the metrics' weights where they are absent.
        device: where models run.
        playable: items that the page plays.
        weights: model -> path of its weights, where they lie elsewhere.
    """

    out: Path | None = None
    available: bool = False
    fetch: bool = False
    device: str = "cpu"
    playable: int = 6
    weights: Mapping[str, Path] = field(default_factory=dict)


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
        self.plan, self.options = plan, options
        self.listener, self.should_stop = listener, should_stop
        self.folder = options.out or work_folder() / "benchmark" / plan.name
        self.results_folder = self.folder / plan.recipe.name
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
        dataset = chosen_items(self.plan.dataset)
        absent = self._absent()
        running = [system for system in self.plan.systems if system.slug not in absent]
        device = self.workers.device(self.options.device)
        models = open_models(self.plan.recipe, self.options.fetch, device, self.options.weights)
        embedder = Embedder(models, EmbeddingCache())
        self._generate(running, dataset, device)
        self.workers.wait()
        sides = {system.slug: self._sides(system, dataset.items) for system in running}
        for system in running:
            self._embed(system, sides[system.slug], embedder)
        self.workers.wait()
        if not self.workers.first:
            return None
        results = tuple(
            _not_run(system, self._recipe(system), absent[system.slug])
            if system.slug in absent
            else self._score(system, sides[system.slug], embedder)
            for system in self.plan.systems
        )
        result = self._result(dataset, embedder, results)
        return result, self._report(result, running, sides)

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

    def _sides(self, system: System, items: Sequence[Item]) -> Sides:
        folder = self.generated_folder(system)
        here = system.variant is not None and self.workers.first
        return compare_sides(
            system,
            self._recipe(system),
            items_of(system, items),
            folder,
            self.plan.dataset.audio,
            made_with(folder) if here else {},
            self.plan.incomplete,
            self.plan.forced,
        )

    def _embed(self, system: System, sides: Sides, embedder: Embedder) -> None:
        shares = [self.workers.share(side) for side in (sides.generated, sides.reference)]
        total = sum(map(len, shares)) * len(embedder.models)
        counter = Counter(self.listener, "embed", system.title, total)
        for model in embedder.models:
            for share in shares:  # apart: an item and its real clip may carry the same id
                if self.should_stop():
                    raise Cancelled
                embedder.arrays(self._recipe(system), model, share, counter.step)

    def _score(self, system: System, sides: Sides, embedder: Embedder) -> SystemResult:
        recipe = self._recipe(system)
        metrics = score(recipe, sides, embedder, self.plan.unequal_clips)
        self.listener(Step("score", system.title, 1, 1, 0.0))
        model = recipe.distance.model if recipe.distance else next(iter(embedder.models))
        real = {clip.id: clip for clip in sides.reference}
        pairs = {}
        for item, clip in zip(sides.items, sides.generated):
            other = real[item.reference_id]
            pairs[item.id] = ClipPair(
                clip.sha256,
                other.sha256,
                embedder.key(recipe, model, clip),
                embedder.key(recipe, model, other),
            )
        return SystemResult(
            name=system.name,
            task=system.task.name,
            labels=dict(system.labels),
            recipe=recipe.name,
            recipe_digest=recipe.digest,
            published=dict(system.published),
            expected=sides.presence.expected,
            missing=sides.presence.missing,
            counts=sides.counts,
            problems=tuple(map(problem_text, sides.problems)),
            made_with=made_with(self.generated_folder(system)) if system.variant else {},
            metrics=metrics,
            pairs=pairs,
            heard=system.task.heard,
        )

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
            embedder.versions,
            weights,
            systems,
        )

    def _report(
        self, result: RunResult, running: Sequence[System], sides: dict[str, Sides]
    ) -> ReportFiles:
        self.results_folder.mkdir(parents=True, exist_ok=True)
        path = self.results_folder / FILE
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        part.write_text(json.dumps(result.as_dict(), indent=1, allow_nan=False), encoding="utf-8")
        os.replace(part, path)
        played = playable_items(running, sides, result.systems, self.options.playable)
        report = run_report(result, self.plan.recipes, played)
        files = write_report(report, self.results_folder)
        self.listener(Step("report", self.plan.title, 1, 1, 0.0))
        return files


def _not_run(system: System, recipe: Recipe, reason: str) -> SystemResult:
    return SystemResult(
        system.name,
        system.task.name,
        dict(system.labels),
        recipe.name,
        recipe.digest,
        dict(system.published),
        not_run=reason,
    )
