"""Weights on large pages: the same bytes, and only what was allocated meanwhile."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch

from core.language_model import huge_pages


def huge_kilobytes() -> int:
    return int(re.search(r"AnonHugePages:\s+(\d+)", Path("/proc/self/smaps_rollup").read_text())[1])


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such call")
def test_memory_moves_and_keeps_its_bytes() -> None:
    before = huge_kilobytes()
    with huge_pages.gathered():
        values = torch.arange(16 * 2**20, dtype=torch.float32)  # 64 MB
    assert torch.equal(values, torch.arange(16 * 2**20, dtype=torch.float32))
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    release = tuple(int(n) for n in re.findall(r"\d+", Path("/proc/version").read_text())[:2])
    if release >= (6, 1) and setting.is_file() and "[never]" not in setting.read_text():
        assert huge_kilobytes() - before >= 48 * 1024


def test_only_what_is_new() -> None:
    known = [(10, 20), (30, 40)]
    assert huge_pages._without([(10, 20), (30, 40)], known) == []
    assert huge_pages._without([(5, 50)], known) == [(5, 10), (20, 30), (40, 50)]
    assert huge_pages._without([(12, 15), (38, 44), (60, 70)], known) == [(40, 44), (60, 70)]
