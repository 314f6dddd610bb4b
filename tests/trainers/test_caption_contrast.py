"""False captions: what they change, and that telling them makes a model read tempo and key."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import InputError
from core.language_model import LanguageModel, LanguageModelBatch, LanguageModelConfig
from tests.trainers import tiny
from trainers.corpus import captions, compose
from trainers.losses.auxiliary_losses import TrainingExample, auxiliary_loss
from trainers.losses.caption_contrast import false_caption
from trainers.runs import config as run_config
from trainers.runs.loop import Loop
from trainers.runs.processes import Processes

CPU = torch.device("cpu")
FACTS = {"tempo": 120.0, "key": "A", "mode": "minor", "has_drums": True}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_one_named_fact_of_a_piece_is_made_false(seed):
    piece = compose(seed)
    facts, draw = piece.record(), np.random.default_rng(seed)
    changed = 0
    for caption in captions(piece):
        false = false_caption(caption, facts, draw)
        if false is None:
            assert not re.search(rf"{round(piece.tempo)} (bpm|beats)", caption, re.IGNORECASE)
            continue
        changed += 1
        assert false != caption
        tempo = re.search(r"(\d+) (?:bpm|beats per minute)", false, re.IGNORECASE)
        other_tempo = tempo and abs(int(tempo[1]) / piece.tempo - 1) > 0.1
        key = re.search(r"(?<![\w#])([A-G][b#]?) (?:major|minor|dorian|mixolydian)", false)
        other_key = key and key[1] != piece.key
        said = re.search(r"(no|without) (drums|percussion)|drumless", false) is not None
        other_drums = said == piece.has_drums and (said or "drums" in false)
        assert sum(map(bool, (other_tempo, other_key, other_drums))) == 1, (caption, false)
    assert changed >= 6


@pytest.mark.parametrize("facts", [{"tempo": "120", "key": "Am"}, {"tempo": "", "key": ""}, {}])
def test_facts_of_prepared_folders_are_left_alone(facts):
    # `prepare` keeps what a table says as text, and knows no mode.
    assert false_caption("rock, 120 bpm, Am", facts, np.random.default_rng(0)) is None


def test_sharps_and_flats_are_other_keys():
    draw = np.random.default_rng(0)
    assert false_caption("rock in A minor", {**FACTS, "key": "A", "mode": "major"}, draw) is None
    assert false_caption("rock in F# minor", {**FACTS, "key": "F"}, draw) is None
    false = false_caption("rock in F# minor", {**FACTS, "key": "F#"}, draw)
    assert re.fullmatch(r"rock in [A-G][b#]? minor", false) and "F#" not in false
    assert false_caption("rock", FACTS, draw) is None
    assert false_caption("rock, 120 bpm", {}, draw) is None  # other music than the corpus


def crops(count: int, seed: int) -> list[TrainingExample]:
    """Noise; the text's one token is that of every twelfth token. Its false twin names another."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        tokens = draw.integers(16, size=48)
        key = int(draw.integers(4))
        tokens[::12] = np.where(draw.random(4) < 0.5, key, tokens[::12])
        made.append(
            TrainingExample([key], tokens, [(1, 0.0, 1.0)], [(key + int(draw.integers(1, 4))) % 4])
        )
    return made


def test_without_weight_it_is_the_cross_entropy():
    torch.manual_seed(0)
    model = LanguageModel(LanguageModelConfig(32, 2, 2, 1, 16, 32, 4, 16))
    examples = crops(6, 0)
    expected, _ = model.loss(LanguageModelBatch.pad(examples))
    loss, figures = auxiliary_loss(model, examples, 0.0, CPU)
    assert torch.allclose(loss, expected, atol=1e-5)
    false = [replace(e, text_ids=e.false_text_ids) for e in examples]
    own, other = (
        float(model.nats(LanguageModelBatch.pad(e)).detach().sum()) for e in (examples, false)
    )
    assert figures["caption_gain"] == pytest.approx((other - own) / 6, abs=1e-4)
    alone = [TrainingExample(e.text_ids, e.audio_ids, e.sections) for e in examples]
    loss, figures = auxiliary_loss(model, alone, 9.0, CPU)
    assert torch.allclose(loss, expected, atol=1e-5) and figures == {"caption_gain": 0.0}


def test_it_makes_a_model_read_what_the_loss_hardly_asks_for():
    gains = []
    for weight in (0.0, 0.5):
        torch.manual_seed(0)
        model = LanguageModel(LanguageModelConfig(32, 2, 2, 1, 16, 32, 4, 16))
        optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
        for step in range(60):
            loss, _ = auxiliary_loss(model, crops(16, step), weight, CPU)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        gains.append(auxiliary_loss(model, crops(200, 10**6), weight, CPU)[1]["caption_gain"])
    assert gains[1] > 2 * max(gains[0], 0.05)


@pytest.mark.parametrize("packed", [False, True])
def test_a_run_tells_captions_apart(packed, tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    tiny.shards(tmp_path / "shards", facts=True)
    data = tiny.data_of(tmp_path, "language_model")
    config = tiny.write(
        tmp_path / "contrast.yml",
        tiny.LANGUAGE_MODEL,
        data,
        training={"caption_contrast": 0.1, "packed": packed},
        loop={"steps": 3},
    )
    run = run_config.read(config)
    task = run_config.task_of(run)
    Loop(task, run.loop, tmp_path / "run", run.raw).run()
    examples, _ = task.examples(0)
    assert all(bool(e.false_text_ids) == bool(e.text_ids) for e in examples)
    assert (tmp_path / "run/last/language_model.safetensors").is_file()


def test_it_does_not_go_with_shards(tmp_path):
    tiny.shards(tmp_path / "shards")
    config = tiny.write(
        tmp_path / "run.yml",
        tiny.LANGUAGE_MODEL,
        tiny.data_of(tmp_path, "language_model"),
        training={"caption_contrast": 0.1},
    )
    task = run_config.task_of(run_config.read(config))
    with pytest.raises(InputError, match="contrast"):
        task.place(Processes(), shard=True)
