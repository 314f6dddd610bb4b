"""Whatever is wrong is one clear line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.core.test_command import RATE, VARIANT, run


def write_inputs(folder: Path) -> None:
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("these are words")
    (folder / "plan.txt").write_text("intro:0-2\ntune:2-5\n")
    (folder / "plan.bin").write_bytes(b"\xff\xfe:")
    (folder / "prompts.bin").write_bytes(b"id,prompt\n\xff,\xfe\n")
    (folder / "blank.csv").write_text("id,prompt\none,rock\ntwo, \n")
    (folder / "long.csv").write_text("id,prompt\n" + "n" * 255 + ",rock\n")
    (folder / "folder.wav").mkdir()
    soundfile.write(folder / "short.wav", 0.1 * np.ones(2400), RATE)
    soundfile.write(folder / "silent.wav", np.zeros(3 * RATE), RATE)


@pytest.mark.parametrize(
    ("argv", "word"),
    [
        (["generate", "--prompt", "", "--seconds", "5"], "prompt"),
        (["generate", "--prompt", "x" * 10_000, "--seconds", "5"], "too long"),
        (["generate", "--seconds", "5"], "prompt"),
        *[
            (["generate", "--prompt", "x", "--seconds", s], "seconds")
            for s in ("0", "-3", "nan", "100000", "many")
        ],
        (["generate", "--prompt", "x", "--seconds", "5", "--variant", "mega"], "mega"),
        (["generate", "--prompt", "x", "--seconds", "5", "--sections", "solo:0-5"], "solo"),
        (["generate", "--prompt", "x", "--seconds", "5", "--sections", "plan.txt"], "tune"),
        (["generate", "--prompt", "x", "--seconds", "5", "--sections", "gone.txt"], "gone.txt"),
        (["generate", "--prompt", "x", "--seconds", "5", "--out", "missing/x.wav"], "missing"),
        (["generate", "--prompt", "x", "--seconds", "5", "--out", "x.exe"], "x.exe"),
        (["generate", "--prompt", "x", "--seconds", "5", "--sections", "plan.bin"], "UTF-8"),
        (
            [
                "generate",
                "--prompt",
                "x",
                "--seconds",
                "60",
                "--sections",
                ",".join(f"verse:{n}-{n + 1}" for n in range(40)),
            ],
            "end at 40 s",
        ),
        (["generate", "--prompt", "x", "--seconds", "5", "--out", "folder.wav"], "is a folder"),
        (["generate", "--prompt", "x", "--seconds", "5", "--out", "x" * 300 + ".wav"], "too long"),
        (["generate", "--prompt", "x", "--seconds", "5", "--variant", ""], "variant (empty)"),
        *[
            (["generate", "--prompt", "x", "--seconds", "5", "--device", device], "device")
            for device in ("banana", "meta", "")
        ],
        *[
            (["generate", "--prompts", name, "--seconds", "5", "--out", "."], word)
            for name, word in (
                ("none.csv", "none.csv"),
                ("prompts.bin", "UTF-8"),
                ("blank.csv", "'two' (row 3)"),
                ("long.csv", "too long"),
            )
        ],
        *[
            (["continue", "--audio", name, "--seconds", "5"], word)
            for name, word in (
                ("gone.wav", "does not exist"),
                ("empty.wav", "empty"),
                ("text.wav", "not sound"),
                ("short.wav", "too short"),
                ("silent.wav", "silent"),
            )
        ],
    ],
)
def test_wrong_input_is_one_clear_line_and_leaves_no_file(
    argv, word, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    write_inputs(tmp_path)
    before = set(tmp_path.rglob("*"))
    more = [] if "--out" in argv else ["--out", "out.wav"]
    more += [] if "--variant" in argv else VARIANT
    code, out, err = run(capsys, *argv, *more, "--json")
    assert code == 2
    assert word in err and err.count("\n") == 1 and "Traceback" not in err
    assert set(json.loads(out)["error"]) == {"name", "value", "hint", "mend"}
    assert set(tmp_path.rglob("*")) == before


def test_a_reader_that_left_is_one_line():
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "core", "variants", "--json"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    os.close(write)
    assert done.returncode == 1
    assert done.stderr == "error: stdout: was closed by its reader\n"


def test_what_nobody_expected_is_one_line_and_debug_shows_where(capsys, monkeypatch):
    def break_down():
        raise KeyError("no such key")

    monkeypatch.setattr("core.variants.known", break_down)
    code, out, err = run(capsys, "variants", "--json")
    assert (code, err.count("\n"), "no such key" in err) == (1, 1, True)
    assert set(json.loads(out)["error"]) == {"name", "value", "hint", "mend"}
    code, _, err = run(capsys, "variants", "--debug")
    assert code == 1 and "Traceback" in err and "break_down" in err
