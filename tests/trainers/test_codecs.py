"""Teaching codecs: the paper's choices take steps, and a learnt codebook keeps its meaning."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import yaml

from core.nn.bands import band_magnitudes, bands_of
from tests.trainers import tiny
from trainers import run_config
from trainers.codec import CodecTask
from trainers.loop import Loop
from trainers.spectral_loss import MagnitudeDistance

PAPER = Path(run_config.__file__).parent / "configs/paper"
RATES = {"wavtokenizer": 24000, "hificodec": 48000}
NARROW = {
    "wavtokenizer": {
        "feature_dim": 16,
        "seanet_filters": 4,
        "codebook_size": 64,
        "decoder_dim": 32,
        "decoder_intermediate": 16,
        "decoder_layers": 1,
    },
    "hificodec": {"codes": 64, "generator_channels": 32, "encoder_channels": 16, "latent_dim": 32},
}


@pytest.fixture(autouse=True)
def _own_work(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))  # the tests' own lock pauses training


def loop_of(config: Path, out: Path) -> Loop:
    run = run_config.read(config)
    return Loop(run_config.task_of(run), run.loop, out, run.raw)


@pytest.mark.parametrize("name", ["wavtokenizer", "hificodec", "hificodec-24khz"])
def test_the_papers_codec_stages_take_steps(name, tmp_path):
    run = yaml.safe_load((PAPER / f"{name}.yaml").read_text(encoding="utf-8"))
    task, rate = run["task"], 24000 if "24khz" in name else RATES[run["task"]]
    data = {"folder": str(tiny.store(tmp_path / "store", rate))}
    config = tiny.write(
        tmp_path / "run.yaml",
        run,
        data,
        model={**run.get("model", {}), **NARROW[task]},
        training={"batch": 2, "crop_seconds": 0.2, "validation_crops": 2, "metric_clips": 0},
        loop={"steps": 2, "validate_every": 2, "sample_every": 9, "log_every": 1},
    )
    assert loop_of(config, tmp_path / "run").run()["mel"] > 0


@pytest.mark.parametrize("kind", sorted(RATES))
def test_a_codebook_that_was_learnt_keeps_its_meaning(kind, tmp_path):
    data = {"folder": str(tiny.store(tmp_path / "store", RATES[kind]))}
    alone = {"adversarial_from": None}
    first = tiny.write(tmp_path / "a.yaml", tiny.RUNS[kind], data, training=alone)
    loop_of(first, tmp_path / "first").run()
    second = tiny.write(
        tmp_path / "b.yaml",
        tiny.RUNS[kind],
        {**data, "start_from": str(tmp_path / "first/last")},
        training=alone,
        loop={"steps": 4, "learning_rate": 0.0},
    )
    loop = loop_of(second, tmp_path / "second")
    task = loop.task
    assert isinstance(task, CodecTask)
    name, before = next(
        (n, v.clone()) for n, v in task.model.state_dict().items() if n.startswith(task.codebook)
    )
    loop.run()
    rows = (task.model.state_dict()[name] == before).all(dim=1)
    assert rows.float().mean() > 0.3, "codes that no crop used may begin anew, not all"


def test_the_loops_seed_is_that_of_batches_too(tmp_path):
    def task(**seeds: int) -> CodecTask:
        return run_config.task_of(
            run_config.read(
                tiny.write(
                    tmp_path / "run.yaml",
                    tiny.WAVTOKENIZER,
                    data,
                    loop={"seed": seeds["loop"]},
                    training={"seed": seeds["own"]} if "own" in seeds else {},
                )
            )
        )

    data = {"folder": str(tiny.store(tmp_path / "store", 24000))}
    one, two, own = task(loop=1), task(loop=2), task(loop=2, own=1)
    assert not torch.equal(one.batch(0), two.batch(0))
    assert torch.equal(one.batch(0), own.batch(0))


def test_the_loss_is_least_at_the_truth_and_asks_for_every_bin() -> None:
    bands = bands_of(((4096, 1200.0),), 1536, 320, 24000)
    music = torch.rand(2, 1, 70 * 320, generator=torch.Generator().manual_seed(6)) - 0.5
    distance = MagnitudeDistance(bands)
    truth = torch.cat([band_magnitudes(music[:, 0], band) for band in bands], -1).log()
    assert distance(truth, music) < 1e-9
    made = truth.clone().requires_grad_()
    distance(made + 1, music).backward()
    share = made.grad.abs().sum((0, 1))
    assert (share > 0).all()
    low = bands[0].stop - bands[0].first
    expected = math.log(1900 / 700) / math.log(12700 / 700)  # of the mel scale below 1200 Hz
    assert abs(float(distance.weight[:low].sum() / distance.weight.sum()) - expected) < 0.01
