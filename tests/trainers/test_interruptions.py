"""Killed, stopped, out of disk or time: nothing but the step is lost."""

from __future__ import annotations

import collections
import dataclasses
import json
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from core.errors import FailureError, InputError
from tests.trainers import tiny
from trainers import loop as loops
from trainers import run_config
from trainers.loop import Loop

ROOT = Path(__file__).parents[2]
KINDS = sorted(tiny.RUNS)
OFTEN = {"checkpoint_minutes": 0.0, "steps": 12}


def rows(folder: Path) -> list[dict]:
    """Log rows without what the clock and the memory say."""
    found = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [
        {k: v for k, v in row.items() if k not in ("seconds", "left_seconds", "memory_mb")}
        for row in found
    ]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interruptions")
    tiny.shards(folder / "shards")
    for rate in (24000, 48000):
        tiny.store(folder / f"store-{rate}", rate)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_WORK", str(folder))
        yield folder


def started(config: Path, out: Path, work: Path) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "trainers", "train", str(config), "--out", str(out)],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={"STUDIO_WORK": str(work), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
    )


def trained(config: Path, out: Path) -> Loop:
    run = run_config.read(config)
    loop = Loop(run_config.task_of(run), run.loop, out, run.raw)
    loop.run()
    return loop


@pytest.fixture(scope="module")
def killed(work):
    """Runs of all four trainers, each killed when it says that some random step is done."""
    children, at = {}, {}
    for kind in KINDS:
        config = tiny.write(
            work / f"{kind}.yaml",
            tiny.RUNS[kind],
            tiny.data_of(work, kind),
            loop={**OFTEN, "steps": 10_000},
        )
        children[kind] = started(config, work / f"{kind}-killed", work)
        at[kind] = random.randint(2, 9)
    for kind, child in children.items():
        said = []
        for line in child.stderr:
            said.append(line)
            if line.startswith(f"train step {at[kind]}/"):
                child.send_signal(signal.SIGKILL)
                break
        child.wait(timeout=300)
        assert child.returncode == -signal.SIGKILL, said
    return at


@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_run_resumes_with_the_losses_of_an_undisturbed_one(work, killed, kind):
    config = tiny.write(
        work / f"{kind}-resumed.yaml", tiny.RUNS[kind], tiny.data_of(work, kind), loop=OFTEN
    )
    steps = max(
        OFTEN["steps"], torch.load(work / f"{kind}-killed/state.pt", weights_only=True)["step"] + 2
    )
    config = tiny.write(
        work / f"{kind}-resumed.yaml",
        tiny.RUNS[kind],
        tiny.data_of(work, kind),
        loop={**OFTEN, "steps": steps},
    )
    resumed = trained(config, work / f"{kind}-killed")
    straight = trained(config, work / f"{kind}-straight")
    # Only the validation and the samples at a run's last step depend on where it was to end.
    assert rows(resumed.folder) == rows(straight.folder), f"killed at step {killed[kind]}"
    for name, module in resumed.task.modules.items():
        other = straight.task.modules[name].state_dict()
        assert all(torch.equal(v, other[k]) for k, v in module.state_dict().items())


@pytest.mark.parametrize("kind", KINDS)
def test_sigterm_saves_first(work, kind):
    config = tiny.write(
        work / "stopped.yaml",
        tiny.RUNS[kind],
        tiny.data_of(work, kind),
        loop={"steps": 1_000_000, "validate_every": 10_000},
    )
    child = started(config, work / f"{kind}-stopped", work)
    seen = 0
    for line in child.stderr:
        if line.startswith("train step 7/"):
            seen = 7
            child.send_signal(signal.SIGTERM)
            break
    rest = child.communicate(timeout=300)[1]
    assert child.returncode == 0 and seen, rest
    assert torch.load(work / f"{kind}-stopped/state.pt", weights_only=True)["step"] >= seen
    assert (work / f"{kind}-stopped/last/{kind}.safetensors").is_file()


def loop_of(work: Path, name: str, **settings: object) -> Loop:
    run = run_config.read(
        tiny.write(work / f"{name}.yaml", tiny.LANGUAGE_MODEL, tiny.data_of(work, "language_model"))
    )
    return Loop(
        run_config.task_of(run), dataclasses.replace(run.loop, **settings), work / name, run.raw
    )


def test_an_exception_saves_the_last_whole_step(work):
    loop = loop_of(work, "broken")
    losses = loop.task.losses

    def broken(step):
        if step == 6:
            raise RuntimeError("a cable came loose")
        yield from losses(step)

    loop.task.losses = broken
    with pytest.raises(RuntimeError, match="cable"):
        loop.run()
    assert torch.load(work / "broken/state.pt", weights_only=True)["step"] == 6
    assert rows(trained(work / "broken.yaml", work / "broken").folder) == rows(
        trained(work / "broken.yaml", work / "unbroken").folder
    )


def test_low_disk_saves_and_stops_and_a_full_one_keeps_the_last_state(work, monkeypatch):
    loop = loop_of(work, "disk")
    usage = collections.namedtuple("usage", "total used free")
    needed = loop._state_bytes()

    def disk(free: int):
        monkeypatch.setattr(loops.shutil, "disk_usage", lambda folder: usage(0, 0, free))

    disk(loops.MIN_FREE_BYTES + needed)
    with pytest.raises(FailureError, match="stopped at step 1, which is saved"):
        loop.run()
    assert torch.load(work / "disk/state.pt", weights_only=True)["step"] == 1
    disk(needed)
    with pytest.raises(FailureError, match="the state saved before stays"):
        loop.run()
    assert torch.load(work / "disk/state.pt", weights_only=True)["step"] == 1


def test_a_run_of_minutes_ends_with_a_validation_and_resumes_no_further(work):
    loop = loop_of(work, "minutes", steps=1_000_000, validate_every=999_999, minutes=0.005)
    figures = loop.run()
    assert loop.seconds >= 0.3 and loop.step < 1_000_000
    assert figures["cross_entropy"] > 0
    again = loop_of(work, "minutes", steps=1_000_000, minutes=0.005)
    again.run()
    assert again.step == loop.step


def test_what_a_bad_loss_changed_is_not_saved(work, monkeypatch):
    def loop() -> Loop:
        run = run_config.read(
            tiny.write(
                work / "bad.yaml",
                tiny.WAVTOKENIZER,
                tiny.data_of(work, "wavtokenizer"),
                loop={"checkpoint_minutes": 0.0, "steps": 8},
            )
        )
        return Loop(run_config.task_of(run), run.loop, work / "bad", run.raw)

    first = loop()
    heard = first.task.reconstruct
    monkeypatch.setattr(
        first.task,
        "reconstruct",
        lambda real, quantized, step: heard(
            real * (float("nan") if step == 5 else 1.0), quantized, step
        ),
    )
    with pytest.raises(FailureError, match="the last good state is kept"):
        first.run()
    state = torch.load(work / "bad/state.pt", weights_only=True)
    assert state["step"] == 5
    assert all(v.isfinite().all() for v in state["modules"]["wavtokenizer"].values())
    again = loop()
    assert again.run()["codes"] > 1 and again.step == 8


def test_a_resumed_run_takes_todays_settings(work):
    loop_of(work, "settings", steps=2).run()
    again = loop_of(work, "settings", steps=3, weight_decay=0.5, betas=[0.5, 0.6])
    group = again.optimizers["generator"].param_groups[0]
    assert group["weight_decay"] == 0.5 and tuple(group["betas"]) == (0.5, 0.6)


def test_half_a_log_row_of_a_killed_run_is_dropped(work):
    loop = loop_of(work, "half", steps=3)
    loop.run()
    whole = (work / "half/log.jsonl").read_text()
    shutil.copytree(work / "half", work / "cut")
    (work / "cut/log.jsonl").write_text(whole + '{"kind": "train", "st')
    loop_of(work, "cut", steps=3)
    assert (work / "cut/log.jsonl").read_text() == whole


@pytest.mark.parametrize(("rate", "told"), [("1e-4", None), ("fast", "learning_rate: fast")])
def test_numbers_that_yaml_takes_for_text(work, rate, told):
    path = tiny.write(
        work / "text.yaml",
        tiny.LANGUAGE_MODEL,
        tiny.data_of(work, "language_model"),
        loop={"learning_rate": rate},
    )
    if told is None:
        assert run_config.read(path).loop.learning_rate == 1e-4
        return
    with pytest.raises(InputError, match=told):
        run_config.read(path)
