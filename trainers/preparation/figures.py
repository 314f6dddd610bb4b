"""What the report counts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainers.preparation.records import Preparation, TimedSection

_WORD_EDGES = (0, 5, 10, 20, 40, 80, 160)
_SECOND_EDGES = (0, 15, 30, 60, 120, 300, 600)


@dataclass(frozen=True)
class CountTable:
    """A table of the report; rows are texts, the last cell of each a number for its bar."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def summary(prepared: Preparation) -> dict[str, Any]:
    """The figures of one line: for stdout and summary.json."""
    lengths = _caption_lengths(prepared)
    outcomes = Counter(remark.outcome for remark in prepared.remarks)
    return {
        "files": prepared.files,
        "pieces": len(prepared.pieces),
        "hours": round(prepared.hours, 3),
        "left_out": outcomes["left out"],
        "rows_ignored": outcomes["ignored"],
        "splits": dict(Counter(piece.split for piece in prepared.pieces)),
        "captions": len(lengths),
        "caption_words_median": float(np.median(lengths)) if lengths else 0.0,
        "caption_sources": dict(Counter(piece.caption_source for piece in prepared.pieces)),
        "sample_rates": dict(Counter(piece.source_sample_rate for piece in prepared.pieces)),
        "channels": dict(Counter(piece.source_channels for piece in prepared.pieces)),
    }


def tables(prepared: Preparation) -> list[CountTable]:
    """All counted tables, in the order of the page."""
    pieces = prepared.pieces
    lengths = _caption_lengths(prepared)
    sections = [section for piece in pieces for section in piece.sections]
    found = [
        CountTable(
            "Splits",
            ("split", "hours", "pieces"),
            tuple(
                (
                    split,
                    f"{sum(p.duration_s for p in pieces if p.split == split) / 3600:.3f}",
                    str(sum(p.split == split for p in pieces)),
                )
                for split in ("train", "validation", "test")
            ),
        ),
        _counted("Length", "seconds", _binned([p.duration_s for p in pieces], _SECOND_EDGES)),
        _counted("Sample rate of the files", "Hz", _sorted(p.source_sample_rate for p in pieces)),
        _counted("Channels of the files", "channels", _sorted(p.source_channels for p in pieces)),
        _counted(
            "Where captions come from",
            "source",
            Counter(p.caption_source for p in pieces).most_common(),
        ),
        _counted("Caption length", "words", _binned(lengths, _WORD_EDGES), "captions"),
        CountTable(
            "Sections",
            ("structure", "minutes", "sections"),
            tuple(
                (
                    name,
                    f"{sum(map(_seconds, (s for s in sections if s.structure == name))) / 60:.1f}",
                    str(count),
                )
                for name, count in Counter(s.structure for s in sections).most_common()
            ),
        ),
        _counted("Sections a piece", "sections", _sorted(len(p.sections) for p in pieces)),
        _counted(
            "Licences",
            "licence",
            Counter(p.licence or "(none given)" for p in pieces).most_common(),
        ),
    ]
    return [table for table in found if table.rows]


def _seconds(section: TimedSection) -> float:
    assert section.end_s is not None  # filled in by then
    return section.end_s - section.start_s


def _caption_lengths(prepared: Preparation) -> list[int]:
    return [len(caption.split()) for piece in prepared.pieces for caption in piece.captions]


def _counted(
    title: str, column: str, counts: list[tuple[Any, int]], unit: str = "pieces"
) -> CountTable:
    return CountTable(
        title, (column, unit), tuple((str(name), str(count)) for name, count in counts)
    )


def _sorted(values: Any) -> list[tuple[Any, int]]:
    return sorted(Counter(values).items())


def _binned(values: list[float] | list[int], edges: tuple[int, ...]) -> list[tuple[str, int]]:
    """Counts of [edge, next edge), the last one open; empty ends left out."""
    counts, _ = np.histogram(values, [*edges, np.inf])
    names = [f"{a} to {b}" for a, b in zip(edges, edges[1:])] + [f"{edges[-1]} and more"]
    rows = list(zip(names, (int(count) for count in counts)))
    used = [number for number, (_, count) in enumerate(rows) if count]
    return rows[used[0] : used[-1] + 1] if used else []
