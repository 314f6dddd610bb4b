"""bf16 where the machine computes it fast, in every trainer."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from core.errors import InputError
from tests.trainers import tiny
from trainers.runs import config as run_config
from trainers.runs import precision


@pytest.fixture
def timed(monkeypatch):
    """Sets what the timed products of fp32 and bf16 take, in seconds."""

    def set_times(fp32: float, bf16: float) -> None:
        times = {torch.float32: fp32, torch.bfloat16: bf16}
        monkeypatch.setattr(precision, "_seconds", lambda kind, dtype: times[dtype])
        precision.bf16_is_fast.cache_clear()

    yield set_times
    precision.bf16_is_fast.cache_clear()


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("task", sorted(tiny.RUNS))
def test_a_trainer_computes_in_bf16_where_that_is_faster(task, fast, timed, tmp_path, capsys):
    timed(2e-3, 1e-3 if fast else 9e-3)
    tiny.shards(tmp_path / "shards")
    for rate in (24000, 48000):
        tiny.store(tmp_path / f"store-{rate}", rate)
    run = {**tiny.RUNS[task], "training": {**tiny.RUNS[task]["training"], "bf16": "auto"}}
    path = tiny.write(tmp_path / "run.yaml", run, tiny.data_of(tmp_path, task))
    made = run_config.task_of(run_config.read(path))
    seen = set()
    for module in made.modules[task].modules():
        if isinstance(module, nn.Linear | nn.Conv1d):
            module.register_forward_hook(lambda _, given, out: seen.add(out.dtype))
    for _, loss, _ in made.losses(0):
        assert torch.isfinite(loss)
        break
    assert (torch.bfloat16 in seen) is fast
    assert f"bf16: {'on' if fast else 'off'}" in capsys.readouterr().err


def test_a_setting_decides_by_itself(timed):
    timed(1.0, 2.0)
    one, cpu = torch.ones(2, 2), torch.device("cpu")
    for setting, dtype in ((True, torch.bfloat16), (False, torch.float32), ("auto", torch.float32)):
        with precision.autocast(setting, cpu):
            assert (one @ one).dtype is dtype
    with pytest.raises(InputError, match="bf16"):
        precision.autocast("fast", cpu)


def test_the_product_is_timed_once_and_both_times_are_said(capsys):
    precision.bf16_is_fast.cache_clear()
    assert precision.bf16_is_fast("cpu") is precision.bf16_is_fast("cpu")
    told = capsys.readouterr().err
    assert told.count("in fp32") == 1 and told.count("in bf16") == 1
