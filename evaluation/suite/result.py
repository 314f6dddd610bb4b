"""What a metric says of one system."""

from __future__ import annotations

from dataclasses import dataclass, field

from evaluation.metrics import Interval
from evaluation.report.content import Better


@dataclass(frozen=True)
class MetricResult:
    """One metric of one system.

    Attributes:
        name: with its direction where there are two.
        choice: the metric's own name, under which values are published.
        better: "lower" or "higher".
        estimate, low, high: low and high are None where no interval could be made.
        clips: clips that the interval is over.
        bias: what the distance would show at this n between two independent sets of the
            reference's own clips; None where it has none or it could not be had.
        bias_measured, bias_clips: the same as it was measured, at `bias_clips` in each set.
        per_item: id -> the item's own value.
        weights: id -> its weight in the mean, where they differ.
        note: what limits this number.
    """

    name: str
    choice: str
    better: Better
    estimate: float
    low: float | None
    high: float | None
    clips: int
    bias: float | None = None
    bias_measured: float | None = None
    bias_clips: int | None = None
    per_item: dict[str, float] = field(default_factory=dict)
    weights: dict[str, int] = field(default_factory=dict)
    note: str = ""

    @classmethod
    def of(
        cls,
        name: str,
        choice: str,
        better: Better,
        interval: Interval,
        per_item: dict[str, float] | None = None,
        weights: dict[str, int] | None = None,
        note: str = "",
    ) -> MetricResult:
        """From an interval."""
        return cls(
            name,
            choice,
            better,
            interval.estimate,
            interval.low,
            interval.high,
            interval.clips,
            per_item=per_item or {},
            weights=weights or {},
            note=note,
        )
