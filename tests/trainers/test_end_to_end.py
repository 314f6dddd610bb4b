"""Corpus -> store -> WavTokenizer -> shards -> language model -> music, in seconds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core import audio
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from core.variants import VARIANTS
from tests.trainers import tiny
from trainers import __main__ as trainers_main


def trainers(*argv: object) -> None:
    assert trainers_main.main([str(a) for a in argv]) == 0


def train(work: Path, kind: str, **changed: dict) -> None:
    config = tiny.write(work / f"{kind}.yaml", tiny.RUNS[kind], tiny.data_of(work, kind), **changed)
    trainers("train", config, "--out", work / f"runs/{kind}")


@pytest.fixture
def work(tmp_path, monkeypatch) -> Path:
    """A work folder of its own with a tiny corpus, its stores, two trained codecs and shards."""
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    trainers("corpus", "--out", tmp_path / "corpus", "--pieces", 5, "--seconds", 20)
    # So few pieces may all fall into one split; the last one is held out here.
    records = sorted((tmp_path / "corpus").glob("*.json"))
    for number, record in enumerate(records):
        about = json.loads(record.read_text())
        about["split"] = "validation" if number == len(records) - 1 else "train"
        record.write_text(json.dumps(about))
    for rate in (24000, 48000):
        trainers("store", tmp_path / "corpus", tmp_path / f"store-{rate}", "--rate", rate)
    train(tmp_path, "wavtokenizer", model={"head": "magnitude"})
    train(tmp_path, "hificodec")
    codecs = [tmp_path / f"runs/{kind}/last" for kind in ("wavtokenizer", "hificodec")]
    given = ["tokenise", tmp_path / "corpus", tmp_path / "store-24000", codecs[0]]
    trainers(*given, tmp_path / "shards", "--text-entries", 300, "--hificodec", codecs[1])
    return tmp_path


def test_the_chain_makes_music(work, monkeypatch):
    for kind, changed in (("language_model", {"training": {"bf16": "auto"}}), ("srfm", {})):
        train(work, kind, loop={"steps": 10 if kind == "language_model" else 40}, **changed)
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
