"""Is the music what was asked for? Style, drums, key, tempo and sections of any system.

What items ask for comes from their table's columns or their captions (`evaluation.adherence`);
items that do not say are left out, and the numbers of those that do are told.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from evaluation.datasets import Item
from evaluation.embeddings import HearingEmbedding, MusicnnEmbedding
from evaluation.suite.metric import MetricData
from evaluation.suite.result import MetricResult

FOLDS = 5
FEWEST_OF_LABEL = 5  # real clips that a recogniser learns a label from
FEWEST_KEYS = 24
FEWEST_ITEMS = 2


def _result(
    data: MetricData, name: str, hits: dict[str, float], asked: str, *notes: str
) -> list[MetricResult]:
    if len(hits) < FEWEST_ITEMS:
        data.tell(f"{name}: not measured, {len(hits)} of {len(data.items)} items {asked}")
        return []
    note = "; ".join([f"{len(hits)} of {len(data.items)} items {asked}", *filter(None, notes)])
    return [MetricResult.of(name, name, "higher", data.share(hits), hits, note=note)]


@dataclass(frozen=True)
class TempoAdherence:
    """Share of clips at the tempo asked for, or its half or its double, within 8 %."""

    name: str = "tempo"
    embedding: HearingEmbedding = HearingEmbedding()

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = False
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """The share over items whose table or caption gives a tempo."""
        from evaluation.adherence import facts, recognition

        hits = {}
        for item in data.items:
            asked = facts.tempo(item)
            if asked is not None:
                heard = float(data.generated[item.id]["tempo"][0])
                hits[item.id] = float(recognition.same_tempo(heard, asked))
        return _result(data, self.name, hits, "ask for a tempo", "its half and double count")


@dataclass(frozen=True)
class TempoKept:
    """Share of clips whose heard tempo is that of their own real clip, or its half or double: of a
    continuation, whether it keeps the time of the piece that it continues."""

    name: str = "tempo of the real clip"
    embedding: HearingEmbedding = HearingEmbedding()

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """The share over all items."""
        from evaluation.adherence import recognition

        hits = {}
        for item in data.items:
            sides = data.generated[item.id], data.reference[item.reference_id]
            heard, real = (float(side["tempo"][0]) for side in sides)
            hits[item.id] = float(recognition.same_tempo(heard, real))
        return _result(data, self.name, hits, "are compared", "as the same tool hears both")


@dataclass(frozen=True)
class SectionAdherence:
    """Share of asked section boundaries with a novelty peak within 2 s, as many peaks as
    boundaries; a clip's value is its own share."""

    name: str = "sections"
    embedding: HearingEmbedding = HearingEmbedding()

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = False
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """The mean of the clips' shares."""
        from evaluation.adherence import facts, sections

        found = {}
        for item in data.items:
            asked = facts.boundaries(item)
            if asked:
                frames = data.generated[item.id]["sections"].astype(np.float64)
                peaks = sections.peaks_of(frames, len(asked))
                found[item.id] = float(np.mean(sections.hits(asked, peaks)))
        if len(found) < FEWEST_ITEMS:
            return _result(data, self.name, found, "ask for sections")
        note = f"{len(found)} of {len(data.items)} items ask for sections"
        interval = data.mean(found)
        return [MetricResult.of(self.name, self.name, "higher", interval, found, note=note)]


@dataclass(frozen=True)
class Recognised:
    """Share of clips in which a recogniser hears what was asked for.

    The recogniser learns from the real clips of other items (five folds), so it needs real clips
    whose style, drums or key is known; its share on real clips stands in the note as the ceiling.

    Attributes:
        name: the column's name.
        embedding: musicnn's frames for style and drums, chroma for keys.
        fact: what is recognised.
        kept: compare with what is heard in the item's own real clip, not with what was asked for.
    """

    name: str
    embedding: MusicnnEmbedding | HearingEmbedding
    fact: Literal["style", "drums", "key"]
    kept: bool = False

    version: ClassVar[int] = 1
    needs_reference: ClassVar[bool] = True
    needs_equal_clips: ClassVar[bool] = False

    def score(self, data: MetricData) -> list[MetricResult]:
        """The share over items that ask for it."""
        from evaluation.adherence import facts

        asked: Callable[[Item], Any] = getattr(facts, self.fact)
        labels = {item.id: label for item in data.items if (label := asked(item)) is not None}
        known = [item for item in data.items if item.id in labels]
        asks = f"ask for a {self.fact}" if self.fact != "drums" else "say drums or no drums"
        if why := self._too_few({item.reference_id: labels[item.id] for item in known}):
            data.tell(f"{self.name}: not measured, {why}")
            return []
        folds = self._folds(data, known)
        heard: dict[str, Any] = {}
        real: dict[str, Any] = {}
        for fold in range(FOLDS):
            own = [item for item in known if folds[item.reference_id] == fold]
            others = {i.reference_id: i for i in known if folds[i.reference_id] != fold}
            if not own:
                continue
            recognise = self._learn(data, list(others.values()), labels)
            for side, arrays in (
                (heard, [data.generated[item.id] for item in own]),
                (real, [data.reference[item.reference_id] for item in own]),
            ):
                side.update(zip([item.id for item in own], recognise(arrays)))
        right = {name: float(real[name] == labels[name]) for name in real}
        ceiling = f"the recogniser hears it in {np.mean(list(right.values())):.0%} of real clips"
        target = real if self.kept else labels
        hits = {name: float(heard[name] == target[name]) for name in heard}
        what = "compared with what it hears in the real clip" if self.kept else ""
        return _result(data, self.name, hits, asks, ceiling, what)

    def _too_few(self, labels: dict[str, Any]) -> str:
        """Why nothing can be learned from real clips of these labels, or ""."""
        counts: dict[Any, int] = {}
        for label in labels.values():
            counts[label] = counts.get(label, 0) + 1
        if self.fact == "key":
            enough = len(labels) >= FEWEST_KEYS and len({key // 12 for key in counts}) == 2
            rule = f"needs {FEWEST_KEYS} real clips of known key, major and minor"
        else:
            enough = len(counts) > 1 and min(counts.values()) >= FEWEST_OF_LABEL
            rule = f"needs {FEWEST_OF_LABEL} real clips of each of at least two {self.fact} labels"
        return "" if enough else f"{rule}; there are {len(labels)} of {len(counts)} labels"

    def _folds(self, data: MetricData, known: Sequence[Item]) -> dict[str, int]:
        """Real clip -> its fold, drawn once."""
        names = list(dict.fromkeys(item.reference_id for item in known))
        order = np.random.default_rng(data.bootstrap.seed).permutation(len(names))
        return {names[place]: number % FOLDS for number, place in enumerate(order)}

    def _learn(
        self, data: MetricData, items: Sequence[Item], labels: dict[str, Any]
    ) -> Callable[[Sequence[Any]], list[Any]]:
        from evaluation.adherence.clip_features import ClipFeatures
        from evaluation.adherence.recognition import KeyRecogniser, LabelRecogniser

        def heard(arrays: Any) -> ClipFeatures:
            nothing = np.zeros((1, 1), np.float32)
            frames, chroma = arrays.get("frames", nothing), arrays.get("chroma", nothing)
            return ClipFeatures(frames, nothing, chroma, 0.0)

        taught = [heard(data.reference[item.reference_id]) for item in items]
        names = [labels[item.id] for item in items]
        if self.fact == "key":
            keys = KeyRecogniser(taught, names)
            return lambda arrays: [int(key) for key in keys([heard(one) for one in arrays])]
        recognise = LabelRecogniser(taught, names, balanced=self.fact == "drums")
        return lambda arrays: [str(one) for one in recognise([heard(one) for one in arrays])]
