"""Reads a file's tags, whatever its format calls them."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import mutagen
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

from trainers.preparation.records import Tags

# Field -> names in Vorbis comments and APE, ID3 frames, MP4 atoms.
_NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]] = {
    "title": (("title",), ("TIT2",), ("\xa9nam",)),
    "artist": (("artist", "composer"), ("TPE1", "TCOM"), ("\xa9ART", "\xa9wrt")),
    "genre": (("genre",), ("TCON",), ("\xa9gen",)),
    "mood": (("mood",), ("TMOO",), ("----:com.apple.iTunes:MOOD",)),
    "tempo": (("bpm", "tempo"), ("TBPM",), ("tmpo",)),
    "key": (("initialkey", "key"), ("TKEY",), ("----:com.apple.iTunes:initialkey",)),
    "instruments": (("instrument", "instruments"), (), ()),
    "description": (("description", "comment"), ("COMM",), ("desc", "\xa9cmt")),
    "licence": (("license", "licence", "copyright"), ("WCOP", "TCOP"), ("cprt",)),
}
_LONGEST = 500
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f\s]+")
_NO_GENRE = re.compile(r"^(other|unknown.*|misc.*|none|default|genre|\(?\d+\)?)$", re.IGNORECASE)
_NO_CAPTION = re.compile(
    r"https?:|www\.|@|\b(encode|encoder|encoded|ripped|rip|lame|converted|"
    r"downloaded|visit|copyright|comment)\b|[0-9A-Fa-f]{8}",
    re.IGNORECASE,
)
_KEY = re.compile(r"[A-G][b#♭♯]?(\s*(?i:m|min|minor|maj|major))?")  # no Camelot "8A"
_TEMPOS = (20, 400)  # BPM; programs write 0 for unknown
# What mutagen raises on hostile files, beside its own error.
_BROKEN_TAGS = (
    mutagen.MutagenError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    OverflowError,
    struct.error,
    EOFError,
)


def read_tags(path: Path) -> Tags:
    """The tags; all empty where there are none or they cannot be read."""
    try:
        file = mutagen.File(path)
        if file is None or not file.tags:
            return Tags()
        look = _look_up(file.tags)
        found = {field: look(*names) for field, names in _NAMES.items()}
    except _BROKEN_TAGS:
        return Tags()
    if _NO_GENRE.match(found["genre"]):
        found["genre"] = ""
    if not _KEY.fullmatch(found["key"]):
        found["key"] = ""
    if not _is_tempo(found["tempo"]):
        found["tempo"] = ""
    if len(found["description"].split()) < 3 or _NO_CAPTION.search(found["description"]):
        found["description"] = ""
    return Tags(**found)


def _is_tempo(text: str) -> bool:
    try:
        return _TEMPOS[0] < float(text) < _TEMPOS[1]
    except ValueError:
        return False


def _look_up(tags: Any) -> Callable[..., str]:
    """A function (vorbis names, ID3 frames, MP4 atoms) -> text of the first that is there."""
    if isinstance(tags, ID3):

        def id3(_: Iterable[str], frames: Iterable[str], __: Iterable[str]) -> str:
            for frame in frames:
                for value in tags.getall(frame):
                    if text := _text(_id3_value(value)):
                        return text
            return ""

        return id3
    atoms = isinstance(tags, MP4Tags)
    keys = {str(key) if atoms else str(key).lower(): key for key in tags.keys()}

    def named(vorbis: Iterable[str], _: Iterable[str], mp4: Iterable[str]) -> str:
        for name in mp4 if atoms else vorbis:
            if name in keys and (text := _text(tags[keys[name]])):
                return text
        return ""

    return named


def _id3_value(frame: Any) -> Any:
    """What a frame holds: genres by name, an address, or texts."""
    if frame.FrameID == "TCON":
        return frame.genres
    return frame.url if frame.FrameID == "WCOP" else frame.text


def _text(value: Any) -> str:
    """One line of text from a tag's value or list of values."""
    values = value if isinstance(value, (list, tuple)) else [value]
    texts = [v.decode("utf-8", "replace") if isinstance(v, bytes) else str(v) for v in values]
    return _NO_TEXT.sub(" ", ", ".join(text for text in texts if text)).strip()[:_LONGEST]
