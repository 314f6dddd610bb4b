"""Corpus -> store -> WavTokenizer -> shards -> language model -> music, in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from core import audio
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from core.variants import VARIANTS
from trainers import __main__ as trainers_main
from trainers.runs import config as run_config
from trainers.runs.loop import Loop

WAVTOKENIZER = {
    "task": "wavtokenizer",
    "model": {
        "encoder": "logmel",
        "quantizer": "factorised",
        "feature_dim": 16,
        "encoder_dim": 16,
        "encoder_intermediate": 16,
        "encoder_layers": 1,
        "codebook_size": 64,
        "decoder_dim": 16,
        "decoder_intermediate": 16,
        "head": "magnitude",
        "decoder_layers": 1,
        "decoder_bandwidths": 0,
        "decoder_pos_net": False,
    },
    "training": {"batch": 4, "crop_seconds": 0.4, "unquantized_steps": 4, "validation_crops": 4},
    "loop": {
        "steps": 10,
        "warmup_steps": 2,
        "validate_every": 5,
        "sample_every": 10,
        "log_every": 1,
    },
}
LANGUAGE_MODEL = {
    "task": "language_model",
    "model": {
        "hidden": 32,
        "layers": 2,
        "heads": 2,
        "kv_heads": 1,
        "head_dim": 16,
        "mlp": 32,
        "text_vocabulary": 300,
        "audio_vocabulary": 64,
    },
    "training": {
        "batch_tokens": 300,
        "crop_seconds": [1.0, 2.0],
        "crop_weights": [0.5, 0.5],
        "validation_crops": 8,
    },
    "loop": {"steps": 10, "warmup_steps": 2, "validate_every": 5, "log_every": 1},
}
HIFICODEC = {
    "task": "hificodec",
    "model": {
        "latent_dim": 8,
        "codes": 32,
        "encoder": "logmel",
        "generator": "vocos",
        "restart_below": 0.05,
        "mel_width": 16,
        "mel_hidden": 16,
        "mel_layers": 1,
        "vocos_width": 16,
        "vocos_hidden": 16,
        "vocos_layers": 1,
    },
    # The discriminators come in at the seventh step, so that stop and resume cover them too.
    "training": {
        "batch": 2,
        "crop_seconds": 0.2,
        "unquantized_steps": 4,
        "validation_crops": 4,
        "adversarial_from": 5,
    },
    "loop": WAVTOKENIZER["loop"],
}
SRFM = {
    "task": "srfm",
    "model": {
        "vocab_size": 64,
        "token_width": 16,
        "latent_dim": 8,
        "encoder_width": 16,
        "encoder_heads": 2,
        "encoder_feed_forward": 16,
        "encoder_blocks": 1,
        "encoder_window": 16,
        "regulator_layers": 1,
        "channels": [16, 16],
        "patch": 2,
        "heads": 2,
        "head_dim": 8,
        "blocks": 1,
        "mid_blocks": 1,
        "attention_window": 8,
        "attention_mask": "exclude",
        "feed_forward_factor": 1,
        "time_factor": 1,
        "norm": "layer",
        "activation": "silu",
    },
    "training": {"batch": 2, "crop_tokens": 30, "validation_crops": 8},
    "loop": {**LANGUAGE_MODEL["loop"], "steps": 40},
}


def write_config(path: Path, config: dict, data: object) -> Path:
    path.write_text(yaml.safe_dump({**config, "data": data}))
    return path


def trainers(*argv: object) -> None:
    assert trainers_main.main([str(a) for a in argv]) == 0


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "state.pt", weights_only=True)["modules"]


def same(first: dict, second: dict) -> bool:
    return all(torch.equal(first[m][k], second[m][k]) for m in first for k in first[m])


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A work folder of its own with a tiny corpus, its store, and a trained tokenizer."""
    folder = tmp_path_factory.mktemp("work")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_WORK", str(folder))
        trainers("corpus", "--out", folder / "corpus", "--pieces", 5, "--seconds", 20)
        # So few pieces may all fall into one split; the last one is held out here.
        records = sorted((folder / "corpus").glob("*.json"))
        for number, record in enumerate(records):
            about = json.loads(record.read_text())
            about["split"] = "validation" if number == len(records) - 1 else "train"
            record.write_text(json.dumps(about))
        trainers("store", folder / "corpus", folder / "store", "--rate", 24000)
        config = write_config(
            folder / "wavtokenizer.yaml", WAVTOKENIZER, {"folder": str(folder / "store")}
        )
        trainers("train", config, "--out", folder / "runs/wavtokenizer")
        trainers("store", folder / "corpus", folder / "store-48000", "--rate", 48000)
        config = write_config(
            folder / "hificodec.yaml", HIFICODEC, {"folder": str(folder / "store-48000")}
        )
        trainers("train", config, "--out", folder / "runs/hificodec")
        trainers(
            "tokenise",
            folder / "corpus",
            folder / "store",
            folder / "runs/wavtokenizer/last",
            folder / "shards",
            "--text-entries",
            300,
            "--hificodec",
            folder / "runs/hificodec/last",
        )
        yield folder


def data_of(work: Path, kind: str) -> dict[str, str]:
    """The `data` part of a run's config."""
    shards = {"shards": str(work / "shards")}
    return {
        "wavtokenizer": {"folder": str(work / "store")},
        "hificodec": {"folder": str(work / "store-48000")},
        "srfm": shards,
        "language_model": {**shards, "text_tokenizer": str(work / "shards/tokenizer.json")},
    }[kind]


def test_the_chain_makes_music(work, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(work))
    for kind, config in (("language_model", LANGUAGE_MODEL), ("srfm", SRFM)):
        trainers(
            "train",
            write_config(work / f"{kind}.yaml", config, data_of(work, kind)),
            "--out",
            work / f"runs/{kind}",
        )
        log = [
            json.loads(line) for line in (work / f"runs/{kind}/log.jsonl").read_text().splitlines()
        ]
        watched = {"language_model": "cross_entropy", "srfm": "flow_loss"}[kind]
        validations = [row[watched] for row in log if row["kind"] == "validation"]
        assert validations[-1] < validations[0]
    model = work / "model"
    for component in ("wavtokenizer", "language_model", "srfm", "hificodec"):
        trainers("assemble", work / f"runs/{component}/last", model)
    monkeypatch.setattr("core.variants.folder_of", lambda variant: model)
    for name, request in (("nano-no-flow", {}), ("nano", {"steps": 2})):
        result = Pipeline.load(name).generate(
            GenerationRequest("calm piano", 2.0, variant=name, seed=1, **request)
        )
        assert len(result.samples) == 2 * VARIANTS[name].sample_rate
        assert np.isfinite(result.samples).all()
        assert np.abs(result.samples).max() < 1
    samples = list((work / "runs/wavtokenizer/samples").rglob("*-made.flac"))
    assert samples and audio.rms(audio.read(samples[0]).samples) > 0


@pytest.mark.parametrize(
    "config", [WAVTOKENIZER, HIFICODEC, LANGUAGE_MODEL, SRFM], ids=lambda config: config["task"]
)
def test_stop_and_resume_give_the_weights_of_an_undisturbed_run(work, config, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(work))
    kind = config["task"]
    run = run_config.read(write_config(work / f"{kind}-resume.yaml", config, data_of(work, kind)))
    straight = Loop(run_config.task_of(run), run.loop, work / f"{kind}-straight", run.raw)
    straight.run()
    for _ in range(2):  # the second Loop finds the state of the first, stopped at step 6
        stopped = Loop(run_config.task_of(run), run.loop, work / f"{kind}-stopped", run.raw)
        losses = stopped.task.losses

        def interrupted(step, losses=losses, loop=stopped):
            yield from losses(step)
            loop._stop = loop._stop or (step == 5)

        if stopped.step == 0:
            stopped.task.losses = interrupted
        stopped.run()
    assert stopped.step == straight.step == run.loop.steps
    assert same(weights(work / f"{kind}-straight"), weights(work / f"{kind}-stopped"))
