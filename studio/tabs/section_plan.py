"""A piece's plan of sections: suggested, and drawn as a coloured timeline."""

from __future__ import annotations

from core.errors import InputError
from core.request import STRUCTURES, parse_sections

SHARES = (("intro", 0.15), ("verse", 0.4), ("chorus", 0.3), ("outro", 0.15))


def suggest(seconds: float) -> str:
    """A plan of all four structures over the length, on whole seconds where that is possible."""
    if seconds < 2 * len(SHARES):
        return f"verse:0-{seconds:g}"
    edges, share = [0.0], 0.0
    for _, part in SHARES[:-1]:
        share += part
        edges.append(float(round(share * seconds)))
    edges.append(seconds)
    return ", ".join(f"{name}:{a:g}-{b:g}" for (name, _), a, b in zip(SHARES, edges, edges[1:]))


def timeline(text: str, seconds: float) -> str:
    """The plan as HTML: one coloured bar a section, as wide as it is long; "" without a plan."""
    try:
        sections = parse_sections(text)
    except InputError:
        return ""
    parts = []
    for section in sections:
        share = 100 * max(0.0, min(section.end, seconds) - section.start) / max(seconds, 1e-6)
        if section.structure not in STRUCTURES or share <= 0:
            continue
        parts.append(
            f'<span class="part part-{section.structure}" style="width:{share:.2f}%">'
            f"<b>{section.structure}</b> {section.start:g}–{section.end:g} s</span>"
        )
    label = "Plan of the piece"
    return f'<div class="timeline" role="img" aria-label="{label}">{"".join(parts)}</div>'
