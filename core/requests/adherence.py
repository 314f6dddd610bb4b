"""What of a request can be heard in the music: tempo, key, drums and style.

What fields and prompt ask for is found here; `evaluation.musicality.adherence` hears it. Imports
no torch, so that a page can say beforehand what will be listened for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TEMPO = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d+)?)\s*bpm\b", re.I)
KEY = re.compile(r"\b([A-G](?:#|b|♯|♭)?)[\s-]+(major|minor)\b", re.I)
NO_DRUMS = re.compile(r"\b(no|without)\s+(drums?|percussion)\b", re.I)
DRUMS = re.compile(r"\b(drums?|drum\s?kit|percussion)\b", re.I)

# Words of a prompt -> the tag of musicnn that means them; what is no tag's own name is the nearest.
STYLES = {
    **{tag: tag for tag in ("rock", "pop", "indie", "electronic", "dance", "alternative rock",
    "jazz", "metal", "chillout", "classic rock", "soul", "electronica", "folk", "punk", "blues",
    "hard rock", "ambient", "acoustic", "experimental", "guitar", "country", "easy listening",
    "funk", "electro", "heavy metal", "progressive rock", "rnb", "indie pop", "house", "hip-hop",
    "sad", "happy", "mellow")},
    "hip hop": "hip-hop", "rap": "hip-hop", "r&b": "rnb", "techno": "electronic",
    "trance": "electronic", "edm": "dance", "celtic": "folk", "swing": "jazz", "chill": "chillout",
    "cheerful": "happy", "melancholic": "sad",
}  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """What is to be heard; None and () where the request does not say.

    Attributes:
        tempo: beats a minute.
        key: (tonic as written, "major" or "minor").
        drums: whether there are to be some.
        styles: tags of musicnn, in lower case.
    """

    tempo: float | None = None
    key: tuple[str, str] | None = None
    drums: bool | None = None
    styles: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return self != Asked()


def asked(
    prompt: str,
    tempo: float | None = None,
    key: str | None = None,
    drums: bool | None = None,
    instruments: tuple[str, ...] = (),
) -> Asked:
    """What a request's fields ask for, else what its prompt says."""
    if tempo is None and (said := TEMPO.search(prompt)):
        tempo = float(said[1])
    named = KEY.fullmatch(key) if key is not None else KEY.search(prompt)
    if drums is None:
        drums = False if NO_DRUMS.search(prompt) else True if DRUMS.search(prompt) else None
    text = " ".join((prompt, *instruments)).lower()
    styles: dict[str, None] = {}
    for words in sorted(STYLES, key=len, reverse=True):  # "hard rock" before "rock"
        pattern = rf"(?<![\w-]){re.escape(words)}(?![\w-])"
        if re.search(pattern, text):
            styles[STYLES[words]] = None
            text = re.sub(pattern, " ", text)
    pair = (named[1][0].upper() + named[1][1:], named[2].lower()) if named else None
    return Asked(tempo, pair, drums, tuple(styles))
