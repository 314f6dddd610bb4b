"""The worker is killed in the middle of a job: a clear message, and the next job works."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from core import variants
from core.request import GenerationRequest
from studio.context import Studio
from studio.jobs.job import DONE, FAILED, RUNNING
from studio.settings import Settings

PERSON = "0123456789abcdef" * 2
WAIT_SECONDS = 240


def test_a_killed_worker_costs_one_job(tmp_path, monkeypatch):
    if not variants.installed(variants.get("nano-no-flow")):
        pytest.skip("assets/nano holds no weights")
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    studio = Studio(Settings(variant="nano-no-flow"))
    studio.queue.start()
    try:
        long = GenerationRequest("secret words", 400.0, "nano-no-flow", seed=1)
        job = studio.submit(PERSON, long)
        until = time.monotonic() + WAIT_SECONDS
        while not (job.state == RUNNING and job.sound_bytes) and time.monotonic() < until:
            time.sleep(0.05)
        os.kill(studio.executor.worker_id, signal.SIGKILL)
        studio.queue.wait(job, WAIT_SECONDS)
        assert job.state == FAILED and "press Generate once more" in str(job.error)

        following = studio.submit(PERSON, GenerationRequest("next", 1.0, "nano-no-flow", seed=1))
        studio.queue.wait(following, WAIT_SECONDS)
        assert following.state == DONE
        assert [r.id for r in studio.library.records(PERSON)] == [following.id]
    finally:
        studio.close()
    log = (tmp_path / "studio" / "jobs.jsonl").read_text()
    assert [json.loads(line)["state"] for line in log.splitlines()] == [FAILED, DONE]
    assert "secret" not in log
