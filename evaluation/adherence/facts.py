"""What an item asks for: from the columns of its table, else from its caption.

Nothing is guessed: an item that does not say is left out of the measure, and the number of those
that do is told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from core.errors import InputError
from core.requests.request import parse_sections
from evaluation.adherence.recognition import SAME_TONIC, TONICS, key_of
from evaluation.datasets import Item
from evaluation.datasets.table import NO, YES

TEMPO_COLUMNS = ("tempo", "bpm")
STYLE_COLUMNS = ("style", "genre")
DRUM_COLUMNS = ("has_drums", "drums")
TEMPO = re.compile(
    r"(?<![\d.])(\d{2,3}(?:\.\d+)?)\s*-?(?:bpm|beats (?:per|a) minute)", re.IGNORECASE
)
KEY = re.compile(
    r"(?<![\w#])([A-G])(?:\s?(#|♯|b|♭)|[ -](sharp|flat))?[ -]"
    r"(major|minor|maj|min|dorian|mixolydian)\b"
)
NO_DRUMS = re.compile(r"\b(?:no|without(?: any)?|free of) (?:drum|percussion)|\bdrumless\b", re.I)
DRUMS = re.compile(r"\bdrum(?:s|ming|beat|\b)", re.IGNORECASE)
MODES = {"maj": "major", "min": "minor"}


def _cells(item: Item, columns: tuple[str, ...]) -> Iterator[str]:
    lowered = {name.lower(): value.strip() for name, value in item.details.items()}
    yield from (lowered[name] for name in columns if lowered.get(name))


def tempo(item: Item) -> float | None:
    """Beats a minute that are asked for."""
    for text in _cells(item, TEMPO_COLUMNS):
        try:
            return float(text) if float(text) > 0 else None
        except ValueError:  # "moderate"
            continue
    found = TEMPO.search(item.caption)
    return float(found[1]) if found else None


def key(item: Item) -> int | None:
    """The key that is asked for: 0 to 11 major, 12 to 23 minor, by tonic from C (dorian counts as
    minor, mixolydian as major)."""
    texts = list(_cells(item, ("key",)))
    if texts:
        [mode] = list(_cells(item, ("mode",)))[:1] or [""]
        return _key(f"{texts[0][:1].upper()}{texts[0][1:]} {mode}".strip())
    return _key(item.caption)


def _key(text: str) -> int | None:
    for found in KEY.finditer(text):
        tonic, sign, word, mode = found.groups()
        begins = found.start() == 0 or text[: found.start()].rstrip().endswith((".", "!", "?"))
        if tonic == "A" and begins and not (sign or word) and found.end() < len(text):
            continue  # "A minor change ...", where the A is no tonic
        sharp = {"#": "#", "♯": "#", "sharp": "#", "b": "b", "♭": "b", "flat": "b"}
        name = tonic + sharp.get(sign or word or "", "")
        if SAME_TONIC.get(name, name) in TONICS:
            return key_of(name, MODES.get(mode, mode))
    return None


def drums(item: Item) -> str | None:
    """ "drums" or "no drums", whichever is asked for."""
    for text in _cells(item, DRUM_COLUMNS):
        if text.lower() in YES | NO:
            return "drums" if text.lower() in YES else "no drums"
    if NO_DRUMS.search(item.caption):
        return "no drums"
    return "drums" if DRUMS.search(item.caption) else None


def style(item: Item) -> str | None:
    """The style or genre that its table names."""
    return next(_cells(item, STYLE_COLUMNS), None)


def boundaries(item: Item) -> list[float] | None:
    """Seconds at which sections after the first begin: a column `sections`, as JSON with `start`
    or `start_s`, or as "intro:0-10,verse:10-30"."""
    for text in _cells(item, ("sections",)):
        try:
            if text.startswith("["):
                starts = [float(one.get("start", one.get("start_s"))) for one in json.loads(text)]
            else:
                starts = [float(one.start) for one in parse_sections(text)]
        except (ValueError, TypeError, AttributeError, InputError):
            return None
        return sorted(starts)[1:] or None
    return None
