"""Four processes, each with a disk of its own, train as one, agree, resume and end together."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.trainers import tiny
from trainers.runs import config as run_config
from trainers.runs.loop import Loop

ROOT = Path(__file__).parents[3]
STEPS = {"steps": 6, "validate_every": 99, "sample_every": 99, "checkpoint_minutes": 0.0}


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    tiny.shards(folder / "shards")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_WORK", str(folder))
        yield folder


def config(work: Path, name: str, **loop: object) -> Path:
    return tiny.write(
        work / f"{name}.yaml",
        tiny.LANGUAGE_MODEL,
        tiny.data_of(work, "language_model"),
        training={"batch_tokens": 1200},
        loop={**STEPS, **loop},
    )


def started(configs: list[Path], outs: list[Path]) -> list[subprocess.Popen]:
    """A process for each config and output folder, as a launcher starts them on as many
    machines."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    return [
        subprocess.Popen(
            [sys.executable, "-m", "trainers", "train", str(path), "--out", str(out)],
            text=True,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            env={
                **os.environ,
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": port,
                "WORLD_SIZE": str(len(outs)),
                "RANK": str(rank),
                "LOCAL_RANK": str(rank),
                "OMP_NUM_THREADS": "1",
            },
        )
        for rank, (path, out) in enumerate(zip(configs, outs))
    ]


def ended(children: list[subprocess.Popen]) -> list[str]:
    """What each said; the first failure may be awaited no longer than the others' end."""
    return [child.communicate(timeout=540)[1] for child in children]


def losses(folder: Path) -> np.ndarray:
    rows = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return np.array([row["generator_loss"] for row in rows if row["kind"] == "train"])


def test_four_without_a_shared_disk_train_as_one_and_resume_after_a_kill(work):
    outs = [work / f"disk-{n}" for n in range(4)]
    path = config(work, "four", steps=10_000)
    children = started(4 * [path], outs)
    for line in children[0].stderr:
        if line.startswith("train step 3/"):
            break
    children[2].send_signal(signal.SIGKILL)
    killed = time.monotonic()
    said = ended([children[n] for n in (0, 1, 3)])
    assert time.monotonic() - killed < 60
    children[2].wait()
    assert all(c.returncode for c in children), said
    assert any("process" in text for text in said)
    state = torch.load(outs[0] / "state.pt", weights_only=True)
    assert state["step"] >= 2 and not (outs[1] / "state.pt").exists()
    steps = state["step"] + 3
    children = started(4 * [config(work, "four", steps=steps)], outs)
    said = ended(children)
    assert [c.returncode for c in children] == [0] * 4, said
    run = run_config.read(work / "four.yaml")
    alone = Loop(run_config.task_of(run), run.loop, work / "alone", run.raw)
    alone.run()
    np.testing.assert_allclose(losses(outs[0]), losses(work / "alone"), atol=1e-4)
    assert len(losses(outs[0])) == steps

    # Another disk holds the run at another step: refused by all, with both steps.
    shutil.copytree(work / "alone", outs[1], dirs_exist_ok=True)
    earlier = torch.load(outs[1] / "state.pt", weights_only=True)
    torch.save({**earlier, "step": 1}, outs[1] / "state.pt")
    children = started(2 * [config(work, "four", steps=steps + 1)], outs[:2])
    said = ended(children)
    assert all(c.returncode for c in children)
    assert f"step {steps} in process 0 and at step 1 in process 1" in "".join(said)


def test_other_weights_and_a_rank_that_raises_end_all(work):
    """Process 1's config differs, so that it trains something else; both end and say so."""
    one, two = config(work, "one", seed=1), config(work, "two", seed=2)
    children = started([one, two], [work / "differs-0", work / "differs-1"])
    said = "".join(ended(children))
    assert all(c.returncode for c in children)
    assert "at the start, config" in said or "at the start, weights" in said
