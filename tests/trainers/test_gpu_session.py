"""The GPU session, rehearsed at toy size on a CPU."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from core.checkpoints import studio_layout
from core.errors import InputError
from core.language_model import LanguageModel, LanguageModelBatch, LanguageModelExample
from tests.trainers import tiny
from trainers.__main__ import main
from trainers.data.shards import read_pieces, write_pieces
from trainers.gpu import session
from trainers.gpu.crops import Pack, SessionSettings, draw
from trainers.gpu.session import CropLosses, joined, train
from trainers.losses.symbolic import targets_for

CPU = torch.device("cpu")
QUICK = SessionSettings(
    steps=12,
    batch_tokens=480,
    crop_tokens=(24, 120),
    crop_weights=(0.5, 0.5),
    text_tokens=16,
    warmup_steps=4,
    average=0.9,
    compiled=False,
)


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    """A folder with shards of slotted tokens, their config and their pack."""
    work = tmp_path_factory.mktemp("gpu")
    tiny.shards(work / "shards", facts=True)
    slotted = []
    for piece in read_pieces(work / "shards"):
        slot = np.arange(len(piece.tokens)) % 4
        tokens = (piece.tokens % 16 + 16 * slot).astype(np.uint16)
        slotted.append(tiny.replace(piece, tokens=tokens))
    write_pieces(work / "shards", slotted, "pieces")
    config = tiny.write(
        work / "run.yaml",
        tiny.LANGUAGE_MODEL,
        tiny.data_of(work, "language_model"),
        model={"slots": 4, "token_group": 4, "context_tokens": 64},
    )
    assert main(["gpu-pack", str(config), str(work / "pack")]) == 0
    return work


def test_a_pack_holds_what_the_shards_hold(packed: Path) -> None:
    pack, pieces = Pack(packed / "pack", CPU), read_pieces(packed / "shards")
    by_split = sorted(pieces, key=lambda p: p.split != "train")
    at = row = 0
    for number, piece in enumerate(by_split):
        size = len(piece.tokens)
        assert (pack.tokens[at : at + size].numpy() == piece.tokens).all()
        told = targets_for(piece, 75.0, size + 1)
        assert (pack.symbolic[row : row + size + 1].numpy() == told).all()
        assert len(pack.captions[number]) == len(piece.captions)
        at, row = at + size, row + size + 1
    assert len(pack.of("train")) == 5 and len(pack.of("validation")) == 1
    packed_bytes = sum(f.stat().st_size for f in (packed / "pack").iterdir())
    assert packed_bytes < sum(f.stat().st_size for f in (packed / "shards").iterdir())


def test_tokens_outside_their_slot_are_not_packed(packed: Path, tmp_path: Path) -> None:
    config = tiny.write(
        tmp_path / "run.yaml",
        tiny.LANGUAGE_MODEL,
        tiny.data_of(packed, "language_model"),
        model={"slots": 2},
    )
    assert main(["gpu-pack", str(config), str(tmp_path / "pack")]) == 2


def test_its_loss_is_the_language_models_own(packed: Path) -> None:
    pack = Pack(packed / "pack", CPU)
    torch.manual_seed(0)
    model = LanguageModel(pack.model)
    crops = draw(pack, QUICK, pack.of("train"), 24, 6, seed=3)
    loss, symbolic = CropLosses(model, pack)(crops)
    examples = []
    text, audio = pack.model.text_vocabulary, pack.model.audio_vocabulary
    for ids, seconds, targets in zip(crops.ids, crops.seconds, crops.targets):
        said = targets[targets >= 0]
        assert len(said) == 25 and said[-1] == pack.model.end_token
        first = int((targets >= 0).nonzero()[0])  # the task marker
        times = seconds[seconds >= 0].view(2, -1).tolist()
        count = len(times[0])
        structures = (ids[1 + 2 * count : 1 + 3 * count] - text - audio - 2).tolist()
        examples.append(
            LanguageModelExample(
                ids[1 + 3 * count : first].tolist(),
                said[:-1].tolist(),
                list(zip(structures, *times)),
            )
        )
    expected, _ = model.loss(LanguageModelBatch.pad(examples))
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-5)
    widths = [F.binary_cross_entropy(torch.tensor(0.5), torch.tensor(0.0))] * 3
    widths += [torch.log(torch.tensor(float(n))) for n in pack.classes.values()]
    assert 0.5 * sum(widths) < symbolic < 2 * sum(widths)


def test_a_session_learns_saves_small_files_and_joins(packed: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr(session, "FILE_BYTES", 20_000)
    pack = Pack(packed / "pack", CPU)
    rows = list(train(pack, tmp_path / "out", tiny.replace(QUICK, steps=40, learning_rate=5e-3)))
    assert rows[-1]["step"] == 40 and rows[-1]["loss"] < 3.2  # log 65 = 4.17 at first
    files = sorted((tmp_path / "out").glob("weights-*.safetensors"))
    assert len(files) > 1
    weights = joined(tmp_path / "out")
    assert set(weights) == set(LanguageModel(pack.model).state_dict())
    again = list(train(pack, tmp_path / "more", tiny.replace(QUICK, steps=1), tmp_path / "out"))
    assert again[-1]["loss"] < 3.7  # it went on from there
    tokenizer = packed / "shards/tokenizer.json"
    assert main(["gpu-join", str(tmp_path / "out"), str(tokenizer), str(tmp_path / "last")]) == 0
    model = studio_layout.load(tmp_path / "last", "language_model")
    assert model.config == pack.model
    assert json.loads((tmp_path / "last/training.json").read_text())["step"] == 40


def test_it_needs_nothing_that_a_bare_gpu_machine_lacks(packed: Path, tmp_path: Path) -> None:
    """With torch, numpy and safetensors alone; two seconds long."""
    code = f"""
import sys
absent = ("soundfile", "soxr", "librosa", "transformers", "webdataset", "tokenizers", "yaml")
sys.modules.update(dict.fromkeys(absent))
from pathlib import Path
from trainers.gpu.crops import Pack, SessionSettings, torch
from trainers.gpu.session import train
settings = SessionSettings(
    minutes=0.03, crop_tokens=(24,), crop_weights=(1,), batch_tokens=240, compiled=False
)
pack = Pack(Path({str(packed / "pack")!r}), torch.device("cpu"))
rows = list(train(pack, Path({str(tmp_path)!r}), settings))
assert rows[-1]["seconds"] > 1 and rows[-1]["held_out"] > 0
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "session.json").is_file()


def test_crops_longer_than_every_piece_are_refused(packed: Path) -> None:
    pack = Pack(packed / "pack", CPU)
    with pytest.raises(InputError, match="crop_tokens"):
        draw(pack, QUICK, pack.of("train"), 2232, 1, seed=0)
