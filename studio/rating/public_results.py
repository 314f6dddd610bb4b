"""What everybody may see of a public study: its live table, as JSON for the rater's page."""

from __future__ import annotations

import threading
from typing import Any

from core.errors import InputError
from evaluation.listening import (
    METHOD_NAMES,
    MUSHRA,
    MeanInterval,
    RatingService,
    ResultTable,
    contrast_label,
    headphone_text,
    results,
)

DEMO_NOTE = (
    "This is a demo: the answers of visitors who tried the test. They say nothing about the models."
)


class PublicResults:
    """Computes a study's table again only after its answers have changed."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[tuple[int, int], dict[str, Any]]] = {}
        self._lock = threading.Lock()

    def of(self, service: RatingService, is_demo: bool) -> dict[str, Any]:
        """The table. Raises: InputError for a study whose results are not public."""
        study, store = service.study, service.store
        if not study.public:
            raise InputError("results", "", "of this study are not public")
        raters = store.raters(study.name)
        here = [r for r in raters if r.withdrawn_at is None and r.removed_at is None]
        state = (len(here), sum(rater.answered for rater in here))
        with self._lock:  # one computes, the others wait for it
            known = self._known.get(study.name)
            if known is None or known[0] != state:
                known = (state, _content(service, is_demo))
                self._known[study.name] = known
            return known[1]


def _content(service: RatingService, is_demo: bool) -> dict[str, Any]:
    study = service.study
    found = results(study, service.store)
    table = found.everyone
    low, high = study.scale
    note = [DEMO_NOTE] if is_demo else []
    if study.is_pairs and study.baseline:
        note.append(f"Scores are system minus {study.label(study.baseline)}.")
    if table.n_answers:
        note.append(f"Interval: {found.interval_method}. All raters.")
    note += [text] if (text := headphone_text(found)) else []
    return {
        "name": study.name,
        "title": study.title,
        "method": METHOD_NAMES[study.method],
        "is_demo": is_demo,
        "finished": found.progress.finished,
        "raters": table.n_raters,
        "answers": table.n_answers,
        "scale": [low, high],
        "rows": _rows(service, table),
        "note": " ".join(note),
    }


def _rows(service: RatingService, table: ResultTable) -> list[dict[str, Any]]:
    study = service.study
    shown = table.means + (table.controls if study.method == MUSHRA else [])
    means = [(mean.axis, mean.system, mean.interval) for mean in shown] + [
        (axis, one.system, one.interval)
        for axis, result in table.comparisons.items()
        for one in result.systems
    ]
    order = [axis.name for axis in study.axes]
    labels = {axis.name: axis.label for axis in study.axes}
    rows = [
        {"axis": labels[axis], "system": contrast_label(study, name), **_figures(interval)}
        for axis, name, interval in sorted(means, key=lambda one: order.index(one[0]))
    ]
    for axis, arena in table.arenas.items():
        for one in arena.strengths:
            rows.append(
                {
                    "axis": labels[axis],
                    "system": study.label(one.system),
                    "mean": one.strength,
                    "half": one.half_95,
                    "raters": arena.n_raters,
                    "items": arena.n_items,
                    "ratings": one.wins + one.ties + one.losses,
                    "note": one.note,
                }
            )
    return rows


def _figures(interval: MeanInterval) -> dict[str, Any]:
    return {
        "mean": interval.mean,
        "half": interval.half_95,
        "raters": interval.n_raters,
        "items": interval.n_items,
        "ratings": interval.n,
        "note": interval.note,
    }
