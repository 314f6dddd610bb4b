"""Teaching codecs: the paper's choices take steps, and a learnt codebook keeps its meaning."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file

from core.checkpoints.studio_layout import config_from_json
from core.errors import InputError
from core.nn.bands import band_magnitudes, bands_of
from core.wavtokenizer import WavTokenizer, WavTokenizerConfig
from tests.trainers import tiny
from trainers.codec import CodecTask
from trainers.corpus import compose
from trainers.losses.spectral_loss import MagnitudeDistance
from trainers.losses.symbolic import CorpusTargets
from trainers.runs import config as run_config
from trainers.runs.loop import Loop

PAPER = Path(run_config.__file__).parents[1] / "configs/paper"
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
        training={"batch": 1, "crop_seconds": 0.1, "validation_crops": 1, "metric_clips": 0},
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
        loop={"steps": 4, "learning_rate": 1e-12},  # no weight of fp32 moves by it
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


def corpus_of_tones(folder: Path) -> Path:
    """The score of `tiny.store`'s pieces: one held note each."""
    folder.mkdir()
    facts = {**compose(0).record(), "tempo": 120.0, "duration_s": 2.0}
    facts["parts"] = [{"role": "lead"}]
    facts["sections"] = [{"structure": "verse", "start_s": 0.0, "end_s": 2.0}]
    for n in range(4):
        pitch = round(69 + 12 * math.log2(110 * (n + 2) / 440))
        (folder / f"tone-{n}.json").write_text(json.dumps(facts))
        np.save(folder / f"tone-{n}.notes.npy", np.array([[0.0, 2.0, pitch, 80, 0]], np.float32))
    return folder


def test_symbolic_targets_are_heard_in_the_codes_and_their_heads_are_not_kept(tmp_path):
    data = {
        "folder": str(tiny.store(tmp_path / "store", 24000)),
        "corpus": str(corpus_of_tones(tmp_path / "corpus")),
    }
    config = tiny.write(
        tmp_path / "run.yaml",
        tiny.WAVTOKENIZER,
        data,
        training={"symbolic": 1.0, "batch": 8},
        loop={"steps": 60, "learning_rate": 5e-3, "validate_every": 60, "sample_every": 90},
    )
    loop_of(config, tmp_path / "run").run()
    rows = [json.loads(row) for row in (tmp_path / "run/log.jsonl").read_text().splitlines()]
    pitches = [row["symbolic_pitches"] for row in rows if "symbolic_pitches" in row]
    assert np.mean(pitches[-10:]) < 0.6 * np.mean(pitches[:5])
    exported = load_file(tmp_path / "run/last/wavtokenizer.safetensors")
    model = WavTokenizer(config_from_json(WavTokenizerConfig, tiny.WAVTOKENIZER["model"]))
    assert set(exported) == set(model.state_dict())


def test_a_crops_targets_are_its_pieces(tmp_path):
    targets = CorpusTargets(corpus_of_tones(tmp_path / "corpus"), 75.0, ("pitches", "beat"))
    crop = targets.crop("tone-0", 0.48, 30)  # from moment 36 on
    assert crop.shape == (30, 13) and targets.width == 12 + 8
    assert (crop[:, :12].argmax(1) == round(69 + 12 * math.log2(0.5)) % 12).all()
    assert (crop[:, 12] == [int((36 + n) / 37.5 % 1 * 8) for n in range(30)]).all()


@pytest.mark.parametrize("kind", sorted(RATES))
def test_symbolic_targets_need_a_corpus_and_a_wavtokenizer(kind, tmp_path):
    run = tiny.RUNS[kind]
    data = {"folder": str(tiny.store(tmp_path / "store", RATES[kind]))}
    config = tiny.write(tmp_path / "run.yaml", run, data, training={"symbolic": 0.1})
    with pytest.raises(InputError, match="corpus" if kind == "wavtokenizer" else "symbolic"):
        run_config.task_of(run_config.read(config))
