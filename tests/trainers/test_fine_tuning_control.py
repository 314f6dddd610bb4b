"""A fine-tuning as a process: started, watched, stopped, resumed; and as a job of the studio."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import soundfile

from core.errors import Cancelled, InputError
from core.result import Progress
from studio.jobs import fine_tuning
from studio.jobs.fine_tuning import FineTuneRunner
from studio.jobs.kinds import FINE_TUNE
from studio.jobs.protocol import Assignment, Failed, Finished
from tests.trainers import tiny
from trainers.fine_tuning import control
from trainers.fine_tuning.verdict import FILE

RATE, WAIT = 16_000, 240.0


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A work folder with a tiny model and a folder of tones."""
    folder = tmp_path_factory.mktemp("control")
    (folder / "music").mkdir()
    clock = np.arange(22 * RATE) / RATE
    for number in range(8):
        sound = 0.3 * np.sin(2 * np.pi * 110 * 2 ** (number / 12) * clock)
        sound *= np.exp(-(clock * (1 + number % 3) % 1))
        soundfile.write(folder / f"music/tone {number}.wav", sound, RATE)
        (folder / f"music/tone {number}.txt").write_text(f"a plain tone, number {number}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_WORK", str(folder))
        patch.delenv("STUDIO_MODELS", raising=False)
        tiny.shards(folder / "text")
        tiny.model_folder(folder / "models/tiny", folder / "text/tokenizer.json")
        yield folder


def job(work, request, should_stop=lambda: False):
    """(progress of a job, its last event)."""
    runner = FineTuneRunner("cpu", 1)
    runner.take(Assignment("0" * 24, FINE_TUNE.runner, request, work / "job"), should_stop)
    events = [event for _, event in runner.turn()]
    assert len(runner) == 0 and all(isinstance(event, Progress) for event in events[:-1])
    return events[:-1], events[-1]


def until(name, wanted) -> control.FineTuneStatus:
    end = time.monotonic() + WAIT
    while not wanted(status := control.watch(name)):
        assert time.monotonic() < end, status
        time.sleep(0.1)
    return status


@pytest.fixture(scope="module")
def tones(work):
    _, ended = job(work, {"music": str(work / "music"), "name": "tones"})
    assert isinstance(ended, Finished) and ended.about["pieces"] == 8
    return work / "tones"


def test_names_that_are_no_folder_are_refused(work):
    for name in ("", "../tones", ".hidden"):
        with pytest.raises(InputError, match="letters"):
            control.watch(name)
    with pytest.raises(InputError, match="was not begun"):
        control.watch("never")
    assert control.stop("never") is False


def test_started_watched_stopped_and_resumed_to_a_verdict(work, tones, monkeypatch):
    monkeypatch.setattr(fine_tuning, "WATCH_SECONDS", 0.1)
    asked = {"corpus": "tones", "name": "tuned", "variant": "tiny", "steps": 4000}
    control.start(fine_tuning.options_of(asked))
    with pytest.raises(InputError, match="runs already"):
        control.start(fine_tuning.options_of(asked))
    status = until("tuned", lambda s: any(row.kind == "train" and row.step for row in s.rows))
    assert status.state == "running" and status.verdict is None and status.left_seconds > 0
    assert control.stop("tuned", WAIT) is True
    status = control.watch("tuned")
    assert status.state == "stopped" and "same command goes on" in status.line
    assert (work / "runs/tuned/state.pt").is_file() and not (work / "models/tuned").exists()

    # A job of the studio resumes it; asked to stop, it saves again.
    seen = []
    progress, ended = job(work, asked, lambda: len(seen) > 3 or seen.append(1))
    assert isinstance(ended, Failed) and isinstance(ended.error, Cancelled)
    assert progress[-1].stage != "reading"
    until("tuned", lambda s: s.state == "stopped")
    at = control.watch("tuned").rows[-1].step

    # A job that finds it running watches it to its end.
    few = {**asked, "steps": at + 5}
    control.start(fine_tuning.options_of(few))
    _, ended = job(work, few)
    assert isinstance(ended, Finished), ended
    judged = json.loads((work / "runs/tuned" / FILE).read_text())
    assert ended.about["outcome"] == judged["outcome"]
    assert control.watch("tuned").state == "done"
    assert (work / "models/tuned").is_dir()

    # Begun again and broken off, it is not done by what it was before.
    control.start(fine_tuning.options_of({**asked, "steps": at + 4000}))
    control.stop("tuned", WAIT)
    status = control.watch("tuned")
    assert status.state == "stopped" and status.verdict is None


def test_what_goes_wrong_is_told_by_the_job(work, tones):
    _, ended = job(work, {"corpus": "tones", "name": "x", "variant": "nobody", "steps": 5})
    assert isinstance(ended, Failed) and "nobody" in str(ended.error)
    _, ended = job(work, {"music": str(work / "text"), "name": "y"})
    assert isinstance(ended, Failed) and "audio" in str(ended.error)
