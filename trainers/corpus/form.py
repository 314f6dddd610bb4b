"""The form of a piece: intro, verses, choruses and outro in whole bars."""

from __future__ import annotations

import random

from trainers.corpus.piece import FormSection

# How full each section sounds; the last chorus gets a little more.
INTENSITY = {"intro": 0.68, "verse": 0.76, "chorus": 1.0, "outro": 0.72}
SECTION_SECONDS = (10.0, 18.0)


def plan_form(bars: int, bar_seconds: float, rng: random.Random) -> list[tuple[str, int]]:
    """(structure, bars) of each section; the bars sum to `bars`.

    Intro and outro take about an eighth each, at least one bar; between them verse and chorus
    take turns, each as long as SECTION_SECONDS allows, in groups of two or four bars.
    """
    edge = max(1, round(min(bars / 8, 10 / bar_seconds)))
    if edge > 2:
        edge -= edge % 2
    intro = outro = edge
    if bars - 2 * edge < 2:
        raise ValueError(f"{bars} bars are too few for a form")
    middle = bars - intro - outro
    target = rng.uniform(*SECTION_SECONDS) / bar_seconds
    pairs = max(1, min(round(middle / target / 2), middle // 2))
    unit = 4 if middle / (2 * pairs) >= 7 else 2 if middle / (2 * pairs) >= 3 else 1
    each = max(unit, int(middle / (2 * pairs) / unit) * unit)
    lengths = [each] * (2 * pairs)
    rest = middle - sum(lengths)
    # What is left over goes to the last sections first, choruses and verses in turn.
    index = 2 * pairs - 1
    while rest > 0:
        added = min(unit, rest)
        lengths[index] += added
        rest -= added
        index = (index - 1) % (2 * pairs)
    body = [("verse" if i % 2 == 0 else "chorus", length) for i, length in enumerate(lengths)]
    return [("intro", intro), *body, ("outro", outro)]


def place_sections(
    form: list[tuple[str, int]], bar_seconds: float, duration_s: float
) -> tuple[FormSection, ...]:
    """Sections with their times; the last one ends with the piece (its tail included)."""
    sections, start = [], 0.0
    for index, (structure, bars) in enumerate(form):
        end = start + bars * bar_seconds
        shown = duration_s if index == len(form) - 1 else end
        sections.append(
            FormSection(structure, round(start, 3), round(shown, 3), bars, INTENSITY[structure])
        )
        start = end
    return tuple(sections)
