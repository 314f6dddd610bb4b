"""Two workers and one page over PostgreSQL and a shared folder: one worker is killed, the page
restarted, and every job ends once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from evaluation.listening.checks.loopback_postgres import loopback_postgres
from studio.checks.server import REPOSITORY, Person, Server

SECONDS, VARIATIONS = 2.0, 4
VARIANT = "nano-no-flow"
LONGEST_SECONDS = 1500.0


def check_workers(jobs: int) -> dict[str, Any]:
    """`jobs` pieces of people who ask for four variations each."""
    with ExitStack() as stack:
        url = stack.enter_context(loopback_postgres())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="studio-machines-")))
        storage = folder / "storage"
        workers = [_worker(url, storage, folder / f"worker-{n}") for n in (1, 2)]
        for worker in workers:
            stack.callback(_end, worker)
        page = Server(
            folder / "page",
            STUDIO_JOBS_DATABASE=url,
            STUDIO_STORAGE=str(storage),
            STUDIO_VARIANT=VARIANT,
        )
        began = time.monotonic()
        with page:
            _until(lambda: len(page.health()["workers"]) == 2, 120)
            people = [Person(page) for _ in range(jobs // VARIATIONS)]
            for number, person in enumerate(people):
                _ask(person, number)
            _until(lambda: _done(page) >= jobs // 4)
            workers[0].send_signal(signal.SIGKILL)
            killed_at = _done(page)
            _until(lambda: _done(page) >= jobs // 2)
        with page:  # restarted: the same folder, the same database
            restarted_at = _done(page)
            _until(lambda: _done(page) >= jobs)
            took = time.monotonic() - began
            time.sleep(2.0)
            kept = [person.results() for person in people]
            states = Counter(job["state"] for person in people for job in person.jobs())
        ends = [json.loads(line) for line in _log(page).read_text().splitlines()]
        _end(workers[1])
        left = [str(path) for path in storage.rglob("*") if path.is_file()]
    per_job = Counter(line["job"] for line in ends)
    sounds = [record["about"]["sha256"] for records in kept for record in records]
    return {
        "jobs": jobs,
        "seconds_each": SECONDS,
        "took": round(took, 1),
        "done_when_a_worker_was_killed": killed_at,
        "done_when_the_page_was_back": restarted_at,
        "made_again": sum(line["attempts"] > 1 for line in ends),
        "states": dict(states),
        "left_in_storage": left[:10],
        "holds": {
            "every job ended": len(per_job) == jobs,
            "each of them once": set(per_job.values()) == {1},
            "all are done": states == {"done": jobs} and len(sounds) == jobs,
            "no mix-up": len(set(sounds)) == jobs and _own(kept),
            "the storage is empty": not left,
            "a stopped worker ends well": workers[1].returncode == 0,
        },
    }


def _worker(url: str, storage: Path, work: Path) -> subprocess.Popen[bytes]:
    work.mkdir()
    environment = {**os.environ, "STUDIO_WORK": str(work), "STUDIO_BATCH": "4"}
    command = [sys.executable, "-m", "studio", "worker"]
    return subprocess.Popen(
        [*command, "--database", url, "--storage", str(storage)], cwd=REPOSITORY, env=environment
    )


def _end(worker: subprocess.Popen[bytes]) -> None:
    worker.terminate()
    try:
        worker.wait(timeout=60)
    except subprocess.TimeoutExpired:
        worker.kill()


def _ask(person: Person, number: int) -> None:
    form = {"prompt": f"tune {number}", "seconds": f"{SECONDS:g}", "variations": str(VARIATIONS)}
    form |= {"seed": str(100 * number), "variant": VARIANT}
    person.http.post("/studio/form/submit", json=form).raise_for_status()


def _log(page: Server) -> Path:
    return Path(page.folder) / "studio" / "jobs.jsonl"


def _done(page: Server) -> int:
    """How many jobs have ended, by the page's log."""
    log = _log(page)
    return len(log.read_text().splitlines()) if log.is_file() else 0


def _until(true: Any, seconds: float = LONGEST_SECONDS) -> None:
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise RuntimeError(f"nothing came of it within {seconds:.0f} s")
        time.sleep(0.2)


def _own(kept: list[list[dict[str, Any]]]) -> bool:
    """Whether everybody has their own prompts and seeds."""
    return all(
        {(r["request"]["prompt"], r["request"]["seed"]) for r in records}
        == {(f"tune {number}", 100 * number + i) for i in range(VARIATIONS)}
        for number, records in enumerate(kept)
    )
