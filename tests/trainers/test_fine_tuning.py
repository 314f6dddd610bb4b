"""The README's commands: a folder of music, a model fine-tuned on it, and a report on both."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import yaml

from core import variants
from core.checkpoints import studio_layout
from core.errors import InputError
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from tests.trainers import tiny
from trainers.__main__ import main
from trainers.corpus import compose
from trainers.corpus.folder import entry
from trainers.data.shards import read_pieces
from trainers.fine_tuning import clips, data, verdict
from trainers.fine_tuning.folders import FineTuneFolders, FineTuneSettings, corpus_of
from trainers.fine_tuning.losses import crop_starts

RATE = 16_000
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """A work folder with a tiny model and a folder of music with trouble in it."""
    folder = tmp_path_factory.mktemp("fine-tuning")
    music = folder / "my müsic"
    music.mkdir()
    time = np.arange(22 * RATE) / RATE
    rows = ["file,caption"]
    for number in range(8):
        pitch = 110 * 2 ** (number / 12)
        sound = 0.3 * np.sin(2 * np.pi * pitch * time) * np.exp(-(time * (1 + number % 3) % 1))
        soundfile.write(music / f"piece {number}.wav", sound, RATE)
        rows.append(f'piece {number},"a ""plain"" tone,\nnumber {number}"')
    (music / "captions.csv").write_text("\n".join(rows[:-2]))  # two rows are missing
    (music / "empty.wav").touch()
    soundfile.write(music / "not a number.wav", np.full(5 * RATE, np.nan), RATE, subtype="FLOAT")
    whole = (music / "piece 0.wav").read_bytes()
    (music / "cut – ½.wav").write_bytes(whole[: len(whole) // 2])
    soundfile.write(music / "eight channels.wav", np.stack([sound] * 8, 1) * 0.5, RATE)
    soundfile.write(music / "eleven.wav", sound, 11_025)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STUDIO_WORK", str(folder))
        patch.delenv("STUDIO_MODELS", raising=False)
        tiny.shards(folder / "text")
        tiny.model_folder(folder / "models/tiny", folder / "text/tokenizer.json")
        yield folder


@pytest.fixture(scope="module")
def tones(work):
    assert (
        main(
            [
                "prepare",
                str(work / "my müsic"),
                "--name",
                "tones",
                "--licence",
                "CC0-1.0",
                "--validation",
                "0.2",
                "--test",
                "0.3",
            ]
        )
        == 0
    )
    return work / "tones"


def fine_tune(work: Path, *more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "trainers",
            "fine-tune",
            "tones",
            "--variant",
            "tiny",
            "--as",
            "tuned",
            "--clips",
            "4",
            "--threads",
            "1",
            *more,
        ],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"STUDIO_WORK": str(work), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
    )


def test_a_folder_becomes_a_model_and_a_report(work, tones):
    with open(tones / "remarks.csv", encoding="utf-8") as file:
        remarks = file.read()
    for said in (
        "empty.wav,left out,is empty",
        "not a number.wav,left out,holds samples",
        "cut – ½.wav,left out,is truncated",
        "eight channels.wav,used,8 channels",
        "eleven.wav,used,11025 Hz",
        "no row for",
    ):
        assert said in remarks.replace('"', "")
    with open(tones / "corpus.csv", encoding="utf-8", newline="") as file:
        sources = {row["source"] for row in csv.DictReader(file)}
    assert sources == {*(f"piece {n}.wav" for n in range(8)), "eight channels.wav", "eleven.wav"}
    stopped = fine_tune(work, "--minutes", "99")
    for line in stopped.stderr:
        if line.startswith("train step 20 "):
            stopped.send_signal(signal.SIGTERM)
            break
    assert "the same command goes on" in stopped.communicate(timeout=300)[1]
    assert stopped.returncode == 1
    at = torch.load(work / "runs/tuned/state.pt", weights_only=True)["step"]
    assert at >= 20 and not (work / "models/tuned").exists()
    config = work / "runs/tuned/run.yaml"  # changed by hand: as many steps on a slow machine
    run = yaml.safe_load(config.read_text())
    run["loop"] |= {"steps": at + 60, "learning_rate": 5e-3, "validate_every": 20}
    config.write_text(yaml.safe_dump(run))
    again = fine_tune(work, "--minutes", "99")
    out, err = again.communicate(timeout=600)
    assert again.returncode == 0, err
    told = json.loads(out)
    assert told["steps"] == at + 60 and "STUDIO_VARIANT=tuned" in err
    assert err.strip().splitlines()[-1] == told["verdict"]["text"]
    assert told["verdict"]["outcome"] in ("better", "mixed")
    judged = verdict.read(work / "runs/tuned")
    assert judged.kept_step == told["kept_step"] > 0 and f"step {judged.kept_step}" in judged.text
    page_and_card = Path(told["report"]).read_text(), (work / "models/tuned/README.md").read_text()
    assert all("predicts the held-out pieces better than tiny" in text for text in page_and_card)

    loss = told["cross_entropy"]
    assert loss["pieces"] >= 2
    assert loss["after"]["mean"] < loss["before"]["mean"]
    low, high = loss["after_minus_before"]["ci95"]
    assert low <= loss["after"]["mean"] - loss["before"]["mean"] <= high < 0
    for metrics in told["clips"].values():
        estimate, low, high = metrics["FD-musicnn"]
        assert low <= estimate <= high
    page = Path(told["report"]).read_text()
    assert page.count("<audio") == 3 * 4 and "Loss on held-out pieces" in page
    assert len(list((work / "runs/tuned/report/clips").glob("*.mp3"))) == 12
    card = (work / "models/tuned/README.md").read_text()
    assert "CC0-1.0" in card and "nats a token" in card
    measured = json.loads((work / "models/tuned/evaluation.json").read_text())
    assert measured["cross_entropy"] == loss

    variant = variants.known()["tuned"]
    assert variants.installed(variant)
    made = Pipeline.load("tuned").generate(GenerationRequest("a tone", 1.0, "tuned", seed=1))
    assert np.isfinite(made.samples).all()
    about = studio_layout.read_config(work / "models/tuned")["about"]
    assert about["base"] == "tiny" and about["language_model"][-1]["steps"] <= told["steps"]
    base = studio_layout.load(work / "models/tiny", "wavtokenizer").state_dict()
    kept = studio_layout.load(work / "models/tuned", "wavtokenizer").state_dict()
    assert all(torch.equal(base[name], kept[name]) for name in base)


def test_clips_are_spread_over_the_test_pieces(tones):
    captions = clips.cut_clips(tones, 5, tones.parent / "cut")
    assert len(captions) == 5 and len({name.split("-")[0] for name in captions}) > 1
    lengths = {soundfile.info(tones.parent / "cut" / f"{name}.flac").duration for name in captions}
    assert lengths == {10.0}


@pytest.mark.parametrize(
    ("tokens", "starts"), [(300, [0]), (750, [0]), (1500, [0, 750]), (75 * 200, 8)]
)
def test_crops_do_not_overlap(tokens, starts):
    found = crop_starts(tokens)
    assert found == starts or len(found) == starts
    assert all(b - a >= 750 for a, b in zip(found, found[1:]))
    assert found[-1] + min(750, tokens) <= tokens


def test_the_composers_pieces_have_clips_too(tmp_path):
    """Their records name no source."""
    piece = compose(0)
    record = {**entry(piece), "split": "test", "duration_s": 41.0}
    (tmp_path / f"{piece.id}.json").write_text(json.dumps(record))
    soundfile.write(tmp_path / f"{piece.id}.flac", np.zeros(41 * RATE), RATE)
    assert len(clips.cut_clips(tmp_path, 12, tmp_path / "cut")) == 4  # none overlaps another
    with open(tmp_path / "cut.csv", newline="", encoding="utf-8") as file:
        assert {row["source"] for row in csv.DictReader(file)} == {piece.id}


def test_too_few_clips_are_told_before_the_training(tmp_path):
    piece = compose(0)
    record = {**entry(piece), "split": "test", "duration_s": 10.0}
    (tmp_path / f"{piece.id}.json").write_text(json.dumps(record))
    soundfile.write(tmp_path / f"{piece.id}.flac", np.zeros(10 * RATE), RATE)
    with pytest.raises(InputError, match="hold 1 clips of 10 s, at least 4 are needed"):
        clips.long_enough(tmp_path)


def corpus_split(folder: Path, **splits: str) -> Path:
    """A folder of silent pieces of these splits in place of what it holds."""
    folder.mkdir(exist_ok=True)
    for path in folder.iterdir():
        path.unlink()
    for name, split in splits.items():
        record = {"id": name, "split": split, "captions": ["a tone"], "sections": []}
        (folder / f"{name}.json").write_text(json.dumps(record))
        soundfile.write(folder / f"{name}.flac", np.zeros(RATE), RATE)
    return folder


@pytest.mark.parametrize("split", ["validation", "test"])
@pytest.mark.parametrize("noted", [True, False])
def test_a_piece_that_was_trained_on_cannot_be_held_out(work, tmp_path, split, noted):
    model = work / "models/tiny"
    corpus, shards = tmp_path / "corpus", tmp_path / "shards"
    data.tokenise(corpus_split(corpus, a="train", b="train", c="test"), model, shards)
    if not noted:  # as earlier versions left it
        (shards / data.TRAINED).unlink()
    before = (shards / "pieces-00000.tar").read_bytes()
    with pytest.raises(InputError, match="1 held-out pieces b: .* trained on .*--as"):
        data.tokenise(corpus_split(corpus, a="train", b=split, c="test"), model, shards)
    assert (shards / "pieces-00000.tar").read_bytes() == before
    # Nor after it was away; what was held out may be trained, and new pieces held out.
    data.tokenise(corpus_split(corpus, a="train", c="train", d=split), model, shards)
    assert {p.id: p.split for p in read_pieces(shards)} == {"a": "train", "c": "train", "d": split}
    if noted:
        with pytest.raises(InputError, match="--as"):
            data.tokenise(corpus_split(corpus, a="train", b=split), model, shards)


def test_names_that_are_taken_are_refused(work, tones, monkeypatch):
    with pytest.raises(InputError, match="--as"):
        FineTuneFolders("nano").begin(FineTuneSettings("x", "nano", False))
    with pytest.raises(InputError, match="letters"):
        FineTuneFolders("../x").begin(FineTuneSettings("x", "nano", False))
    with pytest.raises(InputError, match="exists already"):
        FineTuneFolders("tiny").begin(
            FineTuneSettings("x", "nano", False)
        )  # a model, but not of a fine-tuning
    FineTuneFolders("twice").begin(FineTuneSettings("x", "nano", False))
    FineTuneFolders("twice").begin(FineTuneSettings("x", "nano", False))
    with pytest.raises(InputError, match="was begun from nano"):
        FineTuneFolders("twice").begin(FineTuneSettings("x", "nano", True))
    with pytest.raises(InputError, match="trainers prepare"):
        corpus_of("nothing")
    assert main(["prepare", str(work / "my müsic"), "--name", "runs"]) == 2
    assert main(["prepare", str(work / "my müsic"), "--name", "../up"]) == 2
    assert main(["fine-tune", "tones", "--clips", "1"]) == 2
