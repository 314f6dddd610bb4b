"""The worker is killed in the middle of a job: a clear message, and the next job works."""

from __future__ import annotations

import json
import os
import signal
import time

import pytest

from core import variants
from core.requests.request import GenerationRequest
from studio.context import Studio
from studio.jobs.job import DONE, FAILED, RUNNING
from studio.settings import Settings

PERSON = "0123456789abcdef" * 2
WAIT_SECONDS = 240


def test_a_killed_worker_costs_nobody_a_job_but_one_that_kills_it_twice(tmp_path, monkeypatch):
    if not variants.installed(variants.get("nano-no-flow")):
        pytest.skip("assets/nano holds no weights")
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    studio = Studio(Settings(variant="nano-no-flow", drain_seconds=0.0))
    studio.start()
    try:
        long = GenerationRequest("secret words", 60.0, "nano-no-flow", seed=1)
        job = studio.submit(PERSON, long)
        for attempt in (1, 2):
            until = time.monotonic() + WAIT_SECONDS
            while not (job.attempts == attempt and job.sound_bytes) and time.monotonic() < until:
                time.sleep(0.02)
            assert job.state == RUNNING and job.attempts == attempt
            os.kill(studio.queue.workers()[0].process_id, signal.SIGKILL)
        studio.queue.wait(job, WAIT_SECONDS)
        assert job.state == FAILED and "press Generate once more" in str(job.error)

        following = studio.submit(PERSON, GenerationRequest("next", 1.0, "nano-no-flow", seed=1))
        until = time.monotonic() + WAIT_SECONDS
        while following.state != RUNNING and time.monotonic() < until:
            time.sleep(0.01)
        os.kill(studio.queue.workers()[0].process_id, signal.SIGKILL)  # made again, and not lost
        studio.queue.wait(following, WAIT_SECONDS)
        assert following.state == DONE and following.attempts == 2
        assert [r.id for r in studio.library.records(PERSON)] == [following.id]
    finally:
        studio.close()
    log = (tmp_path / "studio" / "jobs.jsonl").read_text()
    assert [json.loads(line)["state"] for line in log.splitlines()] == [FAILED, DONE]
    assert "secret" not in log
