"""Without modules that only POSIX systems have, and with files that cannot be sought in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core import audio
from core.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
POSIX_ONLY = ("fcntl", "resource", "pwd", "grp", "termios", "tty", "pty", "syslog", "spwd", "crypt")
CLIP = """
import sys
for name in {blocked!r}:
    sys.modules[name] = None
from core.command import main
from core.workspace import claim_machine, pause_while_claimed
import evaluation.listening.store.schema, studio.command, trainers.runs.loop
with claim_machine():
    code = main(["generate", "--prompt", "calm piano", "--seconds", "1", "--variant",
                 "nano-no-flow", "--out", {out!r}, "--json"])
assert pause_while_claimed() < 5
sys.exit(code)
"""
HOLD = """
import sys
from core.workspace import claim_machine
with claim_machine():
    print("held", flush=True)
    sys.stdin.read()
"""


def environment(tmp_path: Path) -> dict[str, str]:
    return {**os.environ, "STUDIO_WORK": str(tmp_path), "PYTHONPATH": str(ROOT)}


def test_a_clip_is_made_without_posix_only_modules(tmp_path):
    out = tmp_path / "out.wav"
    done = subprocess.run(
        [sys.executable, "-c", CLIP.format(blocked=POSIX_ONLY, out=str(out))],
        env=environment(tmp_path),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert audio.read(out).seconds == 1.0


def test_a_claim_is_seen_by_others_and_ends_with_its_process(tmp_path, monkeypatch):
    from core import workspace

    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    assert not workspace._is_claimed()
    holders = [
        subprocess.Popen(
            [sys.executable, "-c", HOLD],
            env=environment(tmp_path),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for holder in holders:
        assert holder.stdout is not None and holder.stdout.readline() == "held\n"
    assert workspace._is_claimed()
    holders[0].kill()
    holders[0].wait()
    assert workspace._is_claimed()  # the second still holds it
    holders[1].communicate("")
    assert not workspace._is_claimed()


@pytest.mark.parametrize("subtype", ["GSM610", "G721_32", "NMS_ADPCM_32", "IMA_ADPCM", "ULAW"])
def test_a_span_of_a_file_that_cannot_be_sought_in(tmp_path, subtype):
    samples = (0.3 * np.sin(np.arange(3 * 8000) * 0.2)).astype(np.float32)
    path = tmp_path / "telephone.wav"
    soundfile.write(path, samples, 8000, format="WAV", subtype=subtype)
    whole = audio.read(path)
    assert whole.seconds == pytest.approx(3, abs=0.1)
    part = audio.read(path, 1.0, 2.0)
    assert part.samples.shape == (1, 8000)
    assert np.array_equal(part.samples, whole.samples[:, 8000:16000])


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_file_with_a_sample_that_is_no_number_is_refused(tmp_path, wrong):
    samples = np.zeros(8000, np.float32)
    samples[123] = wrong
    path = tmp_path / "broken.wav"
    soundfile.write(path, samples, 8000, format="WAV", subtype="FLOAT")
    with pytest.raises(InputError, match="not numbers"):
        audio.read(path)
