"""Weights on pages of 2 MB, where Linux gives them.

Decoding reads every weight once a step, in order. Through pages of 4 kB an eighth of that time goes
into finding the pages. The kernels' packed weights come from an allocator without a choice of
page, so what a block of code allocated is gathered afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

MAPS = Path("/proc/self/maps")
PAGE = 2 * 2**20
COLLAPSE = 25  # MADV_COLLAPSE, Linux 6.1


@contextlib.contextmanager
def gathered() -> Iterator[None]:
    """Memory allocated within it moves to pages of 2 MB; an older kernel leaves it as it is."""
    before = _ranges()
    yield
    for start, end in _without(_ranges(), before):
        start, end = -(-start // PAGE) * PAGE, end // PAGE * PAGE
        if start < end:
            ctypes.CDLL(None).madvise(ctypes.c_void_p(start), ctypes.c_size_t(end - start),
                                      COLLAPSE)


def _ranges() -> list[tuple[int, int]]:
    """(start, end) of the process's own writable memory, in order."""
    if sys.platform != "linux" or not MAPS.is_file():
        return []
    found = []
    for line in MAPS.read_text().splitlines():
        place, access, _, _, inode, *name = line.split(maxsplit=5)
        if access == "rw-p" and inode == "0" and (not name or name[0] == "[heap]"):
            start, end = place.split("-")
            found.append((int(start, 16), int(end, 16)))
    return found


def _without(ranges: list[tuple[int, int]], known: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The parts of `ranges` that lie in none of `known`; both in order."""
    rest = []
    for start, end in ranges:
        for low, high in known:
            if high <= start or low >= end:
                continue
            if start < low:
                rest.append((start, low))
            start = max(start, high)
        if start < end:
            rest.append((start, end))
    return rest
