"""False captions: a true one with another tempo, another key, or the drums' presence turned round.

A crop's loss hardly asks for such facts: knowing the key saves at most log 24 nats once, after
which the music itself tells. A model that must tell the true caption from a false one feels them
(maximum mutual information, as speech recognisers are trained).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from trainers.corpus.theory import KEYS
from trainers.corpus.vocabulary import NO_DRUMS

FASTER = (1.15, 1.6)  # a false tempo is so much faster, or slower; not half or double
TEMPI = (58, 190)  # and could be some piece's


def false_caption(caption: str, facts: Mapping[str, Any], draw: np.random.Generator) -> str | None:
    """The caption with one of the facts it names made false; None when it names none.

    Args:
        facts: the piece's `tempo` (a number), `key`, `mode` and `has_drums`, as many as are
            known in this form.
    """
    # Keys twice: they are the hardest to learn.
    changed = [change(caption, facts, draw) for change in (_tempo, _key, _key, _drums)]
    made = [text for text in changed if text is not None]
    return made[int(draw.integers(len(made)))] if made else None


def _tempo(caption: str, facts: Mapping[str, Any], draw: np.random.Generator) -> str | None:
    if not isinstance(facts.get("tempo"), int | float):
        return None
    factor = draw.uniform(*FASTER)
    slower, faster = round(facts["tempo"] / factor), round(facts["tempo"] * factor)
    false = slower if draw.random() < 0.5 and slower >= TEMPI[0] or faster > TEMPI[1] else faster
    return _replaced(rf"\b{round(facts['tempo'])}(?= ?(bpm|beats per minute))", str(false), caption)


def _key(caption: str, facts: Mapping[str, Any], draw: np.random.Generator) -> str | None:
    if facts.get("key") not in KEYS or "mode" not in facts:
        return None
    others = [key for key in KEYS if key != facts["key"]]
    false = f"{others[int(draw.integers(len(others)))]} {facts['mode']}"
    return _replaced(rf"(?<![\w#]){re.escape(facts['key'])} {facts['mode']}\b", false, caption)


def _drums(caption: str, facts: Mapping[str, Any], draw: np.random.Generator) -> str | None:
    if "has_drums" not in facts:
        return None
    if facts["has_drums"]:
        return _replaced(r"(?<=, )drums\b", NO_DRUMS[int(draw.integers(len(NO_DRUMS)))], caption)
    return _replaced(rf"(?<=, )({'|'.join(NO_DRUMS)})", "drums", caption)


def _replaced(pattern: str, false: str, caption: str) -> str | None:
    changed, count = re.subn(pattern, lambda _: false, caption, flags=re.IGNORECASE)
    return changed if count else None
