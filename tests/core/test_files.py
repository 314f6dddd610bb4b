"""Files are replaced whole or not at all; threads wait asleep."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from core.files import replacing, write_bytes, write_text


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "früher")
    with replacing(path) as fresh:
        fresh.write_text("half")
        assert path.read_text(encoding="utf-8") == "früher" and fresh.suffix == ".txt"
    assert path.read_text() == "half" and oct(path.stat().st_mode)[-3:] == "644"
    write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")
    with pytest.raises(KeyError), replacing(path) as fresh:
        fresh.write_text("half of the new")
        raise KeyError
    assert path.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["note.txt"]


@pytest.mark.parametrize(("given", "kept"), [(None, "10000"), ("7", "7")])
def test_waiting_threads_sleep_unless_the_person_says_otherwise(given, kept) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "GOMP_SPINCOUNT"}
    if given is not None:
        environment["GOMP_SPINCOUNT"] = given
    code = "import core, os, sys; print(os.environ['GOMP_SPINCOUNT'], 'torch' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert said.stdout.split() == [kept, "False"]
