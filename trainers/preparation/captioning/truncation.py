"""Finds files that end before they should: decoders often read them without a word."""

from __future__ import annotations

import re
from pathlib import Path

# libsndfile's log of a RIFF or AIFF chunk that says more than there is.
_SHORT_CHUNK = re.compile(r"\b(data|SSND) ?: (\d+) \(should be (\d+)\)")
_UNKNOWN_SIZE = 0xFFFFF000  # written by programs that stream: "until the end"
_SLACK_BYTES = 4096
_OGG_END = 0x04  # header type flag of a stream's last page (RFC 3533, section 6)
_OGG_TAIL = 1 << 17
_XING_SEARCH = 4096


def missing_part(path: Path, log: str, frames: int, declared: int) -> str:
    """What is missing of a decoded file, or "".

    Args:
        log: libsndfile's `extra_info`.
        frames, declared: frames that came, and that the header promised.
    """
    for _, said, found in _SHORT_CHUNK.findall(log):
        if int(found) + _SLACK_BYTES < int(said) < _UNKNOWN_SIZE:
            return f"{int(found)} of {int(said)} bytes of sound are there"
    if frames < declared:
        return f"{frames} of {declared} frames are there"
    start = _head(path)
    if start.startswith(b"OggS"):
        return _ogg(path)
    return _mpeg(path) if path.suffix.lower() == ".mp3" else ""


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(4)


def _ogg(path: Path) -> str:
    """The last page must carry the end-of-stream flag."""
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - _OGG_TAIL))
        tail = file.read()
    last = tail.rfind(b"OggS\0")
    ended = last >= 0 and len(tail) > last + 5 and tail[last + 5] & _OGG_END
    return "" if ended else "its last page is not the end of the stream"


def _mpeg(path: Path) -> str:
    """A Xing/Info header, where there is one, says how many bytes of frames follow."""
    with open(path, "rb") as file:
        header = file.read(10)
        skip = 0
        if header[:3] == b"ID3":  # its size is four 7-bit bytes
            skip = 10 + sum(
                (byte & 0x7F) << shift for byte, shift in zip(header[6:10], (21, 14, 7, 0))
            )
        file.seek(skip)
        start = file.read(_XING_SEARCH)
    at = max(start.find(b"Xing"), start.find(b"Info"))
    if at < 0 or len(start) < at + 16:
        return ""
    flags = int.from_bytes(start[at + 4 : at + 8], "big")
    if flags & 3 != 3:  # frames and bytes both present
        return ""
    said = int.from_bytes(start[at + 12 : at + 16], "big")
    found = path.stat().st_size - skip
    return f"{found} of {said} bytes are there" if found + _SLACK_BYTES < said else ""
