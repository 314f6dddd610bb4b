"""Problems between generated and reference files, named before any number is made.

Each problem says what happens because of it: "refuse" stops the comparison until the person
forces it, "exclude" takes its ids out of every mean (and is counted as missing), "mention"
stands in the report. Nothing changes a mean silently.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from core.errors import InputError
from evaluation.datasets.inspection import AudioFacts, FolderReport
from evaluation.datasets.manifest import changed_files, read_manifest

PICKLE_SUFFIXES = {".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib"}
PICKLE_START = b"\x80"
LONGER_SECONDS = 1.0  # a clip that much longer than its table says is another one
MOST_APART = 0.1  # share by which typical lengths may differ unmentioned
SHORTEST_SECONDS = 1.5  # below this PaSST is fed a short window

Consequence = Literal["refuse", "exclude", "mention"]


@dataclass(frozen=True)
class EmbeddedChannels:
    """What the recipe's models embed: the mean of the channels, left and right apart, or both."""

    mono: bool = True
    stereo: bool = False


@dataclass(frozen=True)
class Spans:
    """Seconds from which on either side is scored, and how long (None: to the end)."""

    generated_begin: float = 0.0
    reference_begin: float = 0.0
    generated_seconds: float | None = None
    reference_seconds: float | None = None


@dataclass(frozen=True)
class ComparisonProblem:
    """One named problem.

    Attributes:
        name: short and fixed, e.g. "silent file".
        side: "generated", "reference" or "both".
        ids: items concerned; empty when it concerns the whole side.
        consequence: what happens because of it.
        message: what it is and what to do.
    """

    name: str
    side: str
    ids: tuple[str, ...]
    consequence: Consequence
    message: str


def _per_file(
    report: FolderReport, side: str, shortest: float, begin: float, channels: EmbeddedChannels
) -> list[ComparisonProblem]:
    facts = report.facts.values()
    usable = [f for f in facts if not f.problem]
    cases: list[tuple[str, Consequence, list[str] | tuple[str, ...], str]] = [
        (
            "missing file",
            "exclude",
            report.missing,
            f"no audio file for these ids{report.names_hint}",
        ),
        *(
            ("undecodable file", "exclude", ids, why)
            for why, ids in _by_reason(f for f in facts if f.problem).items()
        ),
        ("silent file", "exclude", [f.id for f in facts if f.silent], "peak below -80 dB"),
        (
            "silent in mono",
            "exclude" if channels.mono else "mention",
            [f.id for f in facts if f.silent_in_mono],
            "left and right cancel each other (opposite phase); most models embed their mean",
        ),
        (
            "more than two channels",
            "exclude" if channels.stereo else "mention",
            [f.id for f in usable if f.channels > 2],
            "give mono or stereo files; a model here embeds left and right apart",
        ),
        (
            "too short",
            "exclude",
            [f.id for f in usable if f.seconds - begin < shortest],
            f"shorter than {shortest:g} s, the least a model needs"
            + (f", after the first {begin:g} s, which are left out" if begin else ""),
        ),
        (
            "lossy file",
            "mention",
            [f.id for f in facts if f.lossy],
            "mp3 and the like: the codec alone moves distances",
        ),
    ]
    return [
        ComparisonProblem(name, side, tuple(ids), consequence, message)
        for name, consequence, ids, message in cases
        if ids
    ]


def _by_reason(facts: Iterable[AudioFacts]) -> dict[str, list[str]]:
    """Why files cannot be used -> their ids."""
    found: dict[str, list[str]] = {}
    for one in facts:
        found.setdefault(one.problem, []).append(one.id)
    return found


def _swapped(generated: FolderReport, reference: FolderReport) -> list[ComparisonProblem]:
    found = []
    sides = (generated, "generated"), (reference, "reference")
    for report, side in sides:
        if not report.facts:
            continue
        manifest = read_manifest(report.folder)
        if manifest is None:
            continue
        if manifest.side != side:
            message = f"{report.folder} says it holds {manifest.side} files; swap the folders"
            found.append(ComparisonProblem("swapped sides", side, (), "refuse", message))
        if changed := changed_files(manifest, report):
            message = "differ from the folder's manifest; make it again if that is meant"
            found.append(
                ComparisonProblem("changed files", side, tuple(changed), "mention", message)
            )
    return found


def _differences(generated: FolderReport, reference: FolderReport) -> list[ComparisonProblem]:
    found = []
    pairs = (
        ("sample rates differ", generated.sample_rates(), reference.sample_rates(), "Hz"),
        ("channels differ", generated.channel_counts(), reference.channel_counts(), "channels"),
    )
    for name, one, two, unit in pairs:
        if set(one) != set(two):
            message = f"generated {_counts(one)}, reference {_counts(two)} ({unit}: files)"
            found.append(ComparisonProblem(name, "both", (), "mention", message))
    same = [
        name
        for name, facts in generated.facts.items()
        if name in reference.facts and reference.facts[name].sha256 == facts.sha256
    ]
    if same:
        message = "generated and reference are the same file; is this the right folder?"
        found.append(ComparisonProblem("identical files", "both", tuple(same), "refuse", message))
    return found


def _counts(histogram: dict[int, int]) -> str:
    return ", ".join(f"{value}: {times}" for value, times in sorted(histogram.items())) or "none"


def _typical(report: FolderReport, begin: float, seconds: float | None) -> float | None:
    """Median length in seconds of what is scored."""
    lengths = [f.seconds - begin for f in report.facts.values() if not f.problem]
    if not lengths:
        return None
    median = float(np.median(lengths))
    return median if seconds is None else min(median, seconds)


def _durations(
    generated: FolderReport,
    reference: FolderReport,
    spans: Spans,
    stated: Mapping[str, float | None],
) -> list[ComparisonProblem]:
    found = []
    whole = [
        name
        for name, facts in reference.facts.items()
        if (seconds := stated.get(name)) is not None
        and facts.seconds > seconds + LONGER_SECONDS
        and not facts.problem
    ]
    if whole and spans.reference_seconds is None:
        message = (
            "are longer than the table says: whole videos? cut them, or name the span "
            "(--reference-start, --reference-seconds; in plans: tasks)"
        )
        found.append(
            ComparisonProblem("longer than stated", "reference", tuple(whole), "refuse", message)
        )
    one = _typical(generated, spans.generated_begin, spans.generated_seconds)
    two = _typical(reference, spans.reference_begin, spans.reference_seconds)
    if one and two and abs(one - two) > MOST_APART * max(one, two):
        message = f"generated {one:.1f} s, reference {two:.1f} s (medians); length moves distances"
        found.append(ComparisonProblem("durations differ", "both", (), "mention", message))
    return found


def check_comparison(
    generated: FolderReport,
    reference: FolderReport,
    shortest: float = SHORTEST_SECONDS,
    begins: tuple[float, float] = (0.0, 0.0),
    channels: EmbeddedChannels = EmbeddedChannels(),
    seconds: tuple[float | None, float | None] = (None, None),
    stated: Mapping[str, float | None] | None = None,
) -> list[ComparisonProblem]:
    """Every problem between two inspected folders, the refusing ones first.

    Args:
        generated, reference: from `inspect_folder`, each with the ids wanted of it.
        shortest: seconds that the recipe's models need (musicnn: 2.98).
        begins: seconds from which on generated and reference files are scored.
        channels: what the models embed.
        seconds: how long either is scored; None to its end.
        stated: reference id -> seconds that the dataset's table states.
    """
    spans = Spans(*begins, *seconds)
    found = _swapped(generated, reference) + _differences(generated, reference)
    found += _durations(generated, reference, spans, stated or {})
    found += _per_file(generated, "generated", shortest, begins[0], channels)
    found += _per_file(reference, "reference", shortest, begins[1], channels)
    order: Sequence[Consequence] = ("refuse", "exclude", "mention")
    return sorted(found, key=lambda problem: order.index(problem.consequence))


def refuse(problems: Sequence[ComparisonProblem], forced: bool = False) -> None:
    """Stop at problems that make the comparison meaningless, unless forced.

    Raises: InputError with the first refusing problem.
    """
    for problem in problems:
        if problem.consequence == "refuse" and not forced:
            raise InputError(problem.name, problem.side, problem.message)


def load_reference_arrays(path: Path) -> dict[str, np.ndarray]:
    """Reference statistics or probabilities from `.npz`, never from a pickle.

    Raises: InputError for a pickle by name or content, or anything else that is not plain arrays.
    """
    if not path.is_file():
        raise InputError("reference", path, "no such file")
    hint = "convert it once to .npz in a place you trust; pickles can run programs"
    with open(path, "rb") as file:
        start = file.read(1)
    if path.suffix.lower() in PICKLE_SUFFIXES or start == PICKLE_START:
        raise InputError("reference is a pickle", path, hint)
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, OSError, zipfile.BadZipFile, TypeError, AttributeError) as error:
        raise InputError("reference", path, "give an .npz of plain arrays") from error
