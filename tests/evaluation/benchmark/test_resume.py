"""A run that was killed goes on to the same numbers."""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from core.requests.request import GenerationRequest
from evaluation.benchmark.generation import RECORDS, record_of, require_same

REPOSITORY = Path(__file__).resolve().parents[3]
RATE, SECONDS = 24_000, 3.0
PLAN = """
title: three pieces
recipe: offline
dataset: {kind: folder, table: captions.csv, audio: real}
tasks: {text-to-music: {reference_seconds: 3}}
generation: {seconds: 3, seed: 5}
systems:
  - {name: nano, variant: nano-no-flow, published: {FD-musicnn: 12.5}}
published_on: other test set
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A plan with three items and their real clips."""
    made = tmp_path_factory.mktemp("plan")
    (made / "real").mkdir()
    draw = np.random.default_rng(0)
    times = np.arange(round(RATE * SECONDS)) / RATE
    with open(made / "captions.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "caption"])
        for name, pitch in (("-one", 220.0), ("two", 330.0), ("three", 495.0)):
            sound = 0.3 * np.sin(2 * np.pi * pitch * times) + 0.02 * draw.normal(size=len(times))
            soundfile.write(made / "real" / f"{name}.wav", sound, RATE)
            writer.writerow([name, f"calm solo piano, {pitch:.0f} Hz"])
    (made / "plan.yaml").write_text(PLAN, encoding="utf-8")
    return made


def start(folder: Path, work: Path, **variables: str) -> subprocess.Popen[str]:
    """`python -m evaluation run` with its progress on a pipe."""
    command = [
        sys.executable,
        "-m",
        "evaluation",
        "run",
        str(folder / "plan.yaml"),
        "--out",
        str(work / "run"),
        "--playable",
        "1",
    ]
    environment = {**os.environ, "STUDIO_WORK": str(work), "OMP_NUM_THREADS": "1", **variables}
    return subprocess.Popen(
        command,
        cwd=REPOSITORY,
        env=environment,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )


def finish(folder: Path, work: Path) -> tuple[bytes, str]:
    """The results of a run that nobody disturbs, and its progress."""
    process = start(folder, work)
    _, progress = process.communicate()
    assert process.returncode == 0, progress
    return (work / "run" / "offline" / "results.json").read_bytes(), progress


@pytest.fixture(scope="module")
def undisturbed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return finish(folder, tmp_path_factory.mktemp("undisturbed"))[0]


@pytest.mark.parametrize("stage", ["generate", "embed"])
def test_killed_run_goes_on_to_the_same_numbers(
    folder: Path, undisturbed: bytes, tmp_path: Path, stage: str
) -> None:
    process = start(folder, tmp_path)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(f"{stage} ") and ": 1 of" in line:
            process.send_signal(signal.SIGKILL)
            break
    process.wait()
    process.stderr.close()
    assert process.returncode == -signal.SIGKILL
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("generated/*/*.wav")}
    assert made
    results, progress = finish(folder, tmp_path)
    assert results == undisturbed
    if stage == "embed":
        assert "generate" not in progress  # all of it was there
        assert made == {path: path.stat().st_mtime_ns for path in made}


def test_two_workers_merge_to_the_same_numbers(
    folder: Path, undisturbed: bytes, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    workers = [
        start(
            folder,
            tmp_path,
            WORLD_SIZE="2",
            RANK=str(rank),
            LOCAL_RANK=str(rank),
            MASTER_ADDR="127.0.0.1",
            MASTER_PORT=port,
        )
        for rank in range(2)
    ]
    progress = [worker.communicate()[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], progress
    assert (tmp_path / "run" / "offline" / "results.json").read_bytes() == undisturbed
    assert "1 of 2" in progress[0] and "1 of 1" in progress[1]  # three items, shared
    assert "score" not in progress[1]


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("plan.yaml", "seed: 5}", "seed: 5, guidance: 7.0}", "other settings or weights"),
        ("captions.csv", "330 Hz", "a storm", "was made from another prompt"),
    ],
)
def test_a_finished_run_is_not_taken_for_another(
    folder: Path, tmp_path: Path, file: str, old: str, new: str, told: str
) -> None:
    plan = tmp_path / "plan"
    shutil.copytree(folder, plan)
    finish(plan, tmp_path)
    (plan / file).write_text(
        (plan / file).read_text(encoding="utf-8").replace(old, new), encoding="utf-8"
    )
    process = start(plan, tmp_path)
    _, progress = process.communicate()
    assert process.returncode == 2 and told in progress


def test_a_record_older_than_a_field_still_counts(tmp_path):
    """A run begun before a request had the field goes on."""
    request = GenerationRequest("rain", 2.0, "nano-no-flow", seed=1)
    old = json.loads(json.dumps(request.as_dict()))
    for name in ("negative", "tempo", "instruments", "best_of", "keep", "edit"):
        del old[name]
    (tmp_path / RECORDS).mkdir()
    record_of(tmp_path, "one").write_text(json.dumps({"request": old}))
    require_same(tmp_path, "one", request)
    with pytest.raises(InputError, match="another tempo"):
        require_same(tmp_path, "one", dataclasses.replace(request, tempo=90.0))
