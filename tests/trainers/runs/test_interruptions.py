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
import time
from pathlib import Path

import pytest
import torch

from core.errors import FailureError, InputError
from tests.trainers import tiny
from trainers.runs import config as run_config
from trainers.runs import loop as loops
from trainers.runs.loop import Loop

ROOT = Path(__file__).parents[3]
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
    needed = loop.state.size_bytes()

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


@pytest.mark.timing
def test_minutes_bound_the_whole_and_the_log_shows_no_endless_steps(work, capsys):
    began = time.monotonic()
    settings = {"steps": 0, "validate_every": 999_999, "validate_first": True, "minutes": 0.05}
    run = run_config.read(
        tiny.write(
            work / "minutes.yaml",
            tiny.LANGUAGE_MODEL,
            tiny.data_of(work, "language_model"),
            loop=settings,
        )
    )
    loop = Loop(run_config.task_of(run), run.loop, work / "minutes", run.raw, began=began)
    figures = loop.run()
    took = time.monotonic() - began
    assert 0.5 * 3.0 <= took <= 1.3 * 3.0 and loop.step > 0
    assert abs(loop.seconds - took) < 0.5  # reading, validations and samples counted
    assert figures["cross_entropy"] > 0 and loop.best <= figures["cross_entropy"]
    told = capsys.readouterr().err
    assert " of about " in told and "/0" not in told and "000000" not in told
    again = Loop(run_config.task_of(run), run.loop, work / "minutes", run.raw)
    again.run()
    assert again.step == loop.step


@pytest.mark.timing
def test_minutes_that_reading_used_up_are_told(work):
    run = run_config.read(work / "minutes.yaml")
    began = time.monotonic() - 60
    loop = Loop(run_config.task_of(run), run.loop, work / "too-few", run.raw, began=began)
    with pytest.raises(InputError, match="give more"):
        loop.run()


def broken_by(work: Path, name: str, bad: set[int], **settings: object) -> Loop:
    """A codec's run whose sound is not a number at some steps."""
    run = run_config.read(
        tiny.write(
            work / "bad.yaml",
            tiny.WAVTOKENIZER,
            tiny.data_of(work, "wavtokenizer"),
            loop={"checkpoint_minutes": 0.0, "steps": 8, **settings},
        )
    )
    loop = Loop(run_config.task_of(run), run.loop, work / name, run.raw)
    whole = loop.task.reconstruct

    def reconstruct(real, quantized, step):
        return whole(real * (float("nan") if step in bad else 1.0), quantized, step)

    loop.task.reconstruct = reconstruct
    return loop


def test_a_step_that_is_not_finite_is_skipped_and_changes_nothing(work, capsys):
    loop = broken_by(work, "skips", {5})
    seen = []
    advance = loop.advance

    def watched():
        before = [p.detach().clone() for p in loop.task.model.parameters()]
        logs = advance()
        seen.append(all(map(torch.equal, before, loop.task.model.parameters())))
        return logs

    loop.advance = watched
    assert loop.run()["codes"] > 1 and loop.step == 8
    assert seen == [False] * 5 + [True] + [False] * 2
    assert "step 5 skipped" in capsys.readouterr().err
    state = torch.load(work / "skips/state.pt", weights_only=True)
    assert all(v.isfinite().all() for v in state["modules"]["wavtokenizer"].values())


def test_a_run_that_diverged_stops_and_goes_on_from_an_earlier_step(work):
    loop = broken_by(work, "diverged", set(range(5, 99)), steps=40, max_skipped=3, keep_last=2)
    with pytest.raises(FailureError, match="3 steps in a row.*--from-step"):
        loop.run()
    kept = [c.step for c in loop.checkpoints.known()]
    assert len(kept) >= 2
    with pytest.raises(InputError, match=f"is no saved step; there are.*{kept[-1]}"):
        Loop(loop.task, loop.config, work / "diverged", {}, from_step=999)
    run = run_config.read(work / "bad.yaml")
    lower = dataclasses.replace(run.loop, learning_rate=1e-5, steps=10)
    again = Loop(run_config.task_of(run), lower, work / "diverged", run.raw, from_step=kept[0])
    assert again.step == kept[0]
    again.run()
    assert again.step == 10 and again.checkpoints.known()[-1].step == 10


def test_the_last_the_best_and_one_an_hour_are_kept(work, tmp_path):
    from trainers.runs.checkpoints import Checkpoints

    kept = Checkpoints(tmp_path, keep_last=2, keep_every_hours=1.0)
    for step in range(1, 11):
        kept.add(step, 1200.0 * step, lambda path, step=step: path.write_text(str(step)))
        if step == 4:
            kept.mark_best(4)
    # One for every hour of three steps: 1, 3, 6, 9; the best: 4; the last two: 9, 10.
    assert [c.step for c in kept.known()] == [1, 3, 4, 6, 9, 10]
    assert (tmp_path / "state.pt").read_text() == "10"
    assert kept.at(4).read_text() == "4"
    kept.add(5, 6100.0, lambda path: path.write_text("again"))
    assert [c.step for c in kept.known() if c.step > 5] == [] or kept.known()[-1].step == 5
    files = {path.name for path in (tmp_path / "checkpoints").glob("step-*")}
    assert files == {f"step-{c.step:07d}.pt" for c in kept.known()}


def test_a_resumed_run_takes_changed_settings_and_says_so(work, capsys):
    loop_of(work, "settings", steps=2).run()
    changed = {"weight_decay": 0.5, "betas": (0.5, 0.6), "learning_rate": 5e-4}
    again = loop_of(work, "settings", steps=3, **changed)
    told = capsys.readouterr().err
    assert "learning_rate: 0.001 until step 2, 0.0005 from there on" in told
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


@pytest.mark.parametrize(
    ("model", "told"),
    [({"hidden": 48}, "model.hidden 32; the config says 48"), ({"layers": 1}, "model.layers 2")],
)
def test_resuming_with_another_size_says_what_differs(work, model, told):
    loop_of(work, "sizes", steps=2).run()
    path = tiny.write(
        work / "other.yaml", tiny.LANGUAGE_MODEL, tiny.data_of(work, "language_model"), model=model
    )
    run = run_config.read(path)
    with pytest.raises(InputError, match=told):
        Loop(run_config.task_of(run), run.loop, work / "sizes", run.raw)
