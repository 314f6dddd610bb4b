"""Targets from the score are what the notes say, and a model that is asked for them finds them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file

from core.errors import InputError
from core.language_model import LanguageModel, LanguageModelConfig
from tests.trainers import tiny
from trainers.corpus import STYLES, compose
from trainers.corpus.piece import STRUCTURES
from trainers.corpus.styles.style import ROLES
from trainers.corpus.theory import KEYS, MINOR_MODES
from trainers.data.shards import read_pieces
from trainers.losses.auxiliary_losses import TrainingExample, auxiliary_loss
from trainers.losses.symbolic import (
    AHEAD,
    CLASSES,
    COLUMNS,
    PRESENT,
    SOON,
    TEMPI,
    SymbolicHead,
    targets_for,
    targets_of,
)
from trainers.runs import config as run_config
from trainers.runs.loop import Loop
from trainers.runs.processes import Processes

RATE = 75.0
CPU = torch.device("cpu")
KINDS = {**PRESENT, **dict.fromkeys(CLASSES, 1)}
PLACES = dict(zip(KINDS, np.split(np.arange(COLUMNS), np.cumsum(list(KINDS.values()))[:-1])))


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(0, 10**6))
def test_targets_are_what_the_notes_say(seed):
    piece = compose(seed)
    count = round(piece.duration_s * RATE)
    sections = [(s.structure, s.start_s, s.end_s) for s in piece.sections]
    table = targets_of(piece.score(), piece.record(), sections, RATE, count)
    assert table.shape == (count, COLUMNS)
    kinds = {kind: table[:, columns] for kind, columns in PLACES.items()}
    beat = 60 / piece.tempo
    draw = np.random.default_rng(seed)
    for moment in draw.integers(count, size=40):
        now, near = moment / RATE, 1 / RATE  # a note's edges are rounded to a moment
        sounding = [
            n
            for n in piece.notes
            if n.start * beat <= now - near and (n.start + n.length) * beat >= now + near
        ]
        maybe = [
            n
            for n in piece.notes
            if n.start * beat <= now + near and (n.start + n.length) * beat + near >= now - near
        ]
        pitched, perhaps = (
            [n for n in notes if piece.parts[n.part].role != "drums"] for notes in (sounding, maybe)
        )
        said = set(np.flatnonzero(kinds["pitches"][moment]))
        assert {n.pitch % 12 for n in pitched} <= said <= {n.pitch % 12 for n in perhaps}
        playing, may_play = (
            {piece.parts[n.part].role for n in notes} for notes in (sounding, maybe)
        )
        roles = {ROLES[i] for i in np.flatnonzero(kinds["roles"][moment])}
        assert playing <= roles <= may_play
        if len(pitched) == len(perhaps):
            lowest = min((n.pitch for n in pitched), default=None)
            assert kinds["lowest"][moment, 0] == (12 if lowest is None else lowest % 12)
    for column, drums in enumerate((True, False)):
        begun = {
            round(start * RATE)
            for start, _, _, _, part in piece.score().astype(float)
            if (piece.parts[int(part)].role == "drums") == drums
        }
        soon = {start - ahead for start in begun for ahead in range(round(SOON * RATE))}
        said = np.flatnonzero(kinds["onsets"][:, column])
        assert set(said) == {moment for moment in soon if 0 <= moment < count}
    starts = np.flatnonzero(np.diff(kinds["beat"][:, 0].astype(int)) < 0) + 1
    assert np.allclose(starts / RATE, beat * np.arange(1, len(starts) + 1), atol=1 / RATE)
    for moment in draw.integers(count, size=20):
        section = next((s for s in piece.sections if s.end_s > moment / RATE), piece.sections[-1])
        assert STRUCTURES[kinds["structure"][moment, 0]] == section.structure
        least, most = ((0, *AHEAD, np.inf)[kinds["ahead"][moment, 0] + n] for n in (0, 1))
        assert least - 1e-9 <= max(0, section.end_s - moment / RATE) <= most
    key, tempo, style = (np.unique(kinds[k]) for k in ("key", "tempo", "style"))
    assert key == KEYS.index(piece.key) + 12 * (piece.mode in MINOR_MODES)
    assert style == list(STYLES).index(piece.style)
    edges = [0, *TEMPI, np.inf]
    assert edges[int(tempo[0])] <= piece.tempo <= edges[int(tempo[0]) + 1]


def test_other_music_has_no_score():
    (piece, *_) = tiny.pieces()
    with pytest.raises(InputError, match="leave symbolic out"):
        targets_for(piece, RATE, 500)


def test_a_score_goes_through_shards_and_may_be_of_any_composer(tmp_path):
    tiny.shards(tmp_path, facts=True)
    piece = read_pieces(tmp_path)[0]
    composed = compose(0)
    np.testing.assert_array_equal(piece.notes, composed.score())
    old = replace(piece, facts={**piece.facts, "version": 0})
    assert targets_for(old, RATE, 500).shape == (500, COLUMNS)


def crops(count: int, seed: int) -> list[TrainingExample]:
    """Tokens of one of two halves of the codes, drawn anew every 8; the score says which."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(count):
        half = draw.integers(2, size=6).repeat(8)
        score = np.zeros((49, COLUMNS), np.uint8)
        score[1:, PLACES["lowest"][0]] = half  # of the token just heard
        made.append(
            TrainingExample([1], draw.integers(8, size=48) + 8 * half, [(1, 0.0, 1.0)], score=score)
        )
    return made


def test_what_is_asked_for_is_found_in_the_states():
    torch.manual_seed(0)
    model = LanguageModel(LanguageModelConfig(32, 3, 2, 1, 16, 32, 4, 16))
    reader = SymbolicHead(model)
    expected, _ = auxiliary_loss(model, crops(6, 0), 0.0, CPU)
    with_score, figures = auxiliary_loss(model, crops(6, 0), 0.0, CPU, reader, 0.5)
    kinds = [v for k, v in figures.items() if k.startswith("symbolic_")]
    assert with_score.item() == pytest.approx(expected.item() + 0.5 * sum(kinds), rel=1e-5)
    parameters = [*model.parameters(), *reader.parameters()]
    optimiser = torch.optim.AdamW(parameters, lr=3e-3)
    for step in range(60):
        loss, figures = auxiliary_loss(model, crops(16, step), 0.0, CPU, reader, 1.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert figures["symbolic_lowest"] < 0.1 * np.log(2)
    # Of examples of several lengths, beside false captions, each row has its own target.
    examples = [
        replace(e, audio_ids=e.audio_ids[:n], score=e.score[: n + 1], false_text_ids=[2, 3])
        for e, n in zip(crops(6, 99), range(8, 48, 7))
    ]
    _, figures = auxiliary_loss(model, examples, 0.5, CPU, reader, 1.0)
    assert figures["symbolic_lowest"] < 0.2 * np.log(2)


def test_a_run_reads_the_score_stops_and_goes_on(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    tiny.shards(tmp_path / "shards", facts=True)
    config = tiny.write(
        tmp_path / "score.yml",
        tiny.LANGUAGE_MODEL,
        tiny.data_of(tmp_path, "language_model"),
        training={"caption_contrast": 0.1, "symbolic": 0.2, "packed": True},
        loop={"steps": 4},
    )
    run = run_config.read(config)

    def loop(steps: int) -> Loop:
        return Loop(
            run_config.task_of(run), replace(run.loop, steps=steps), tmp_path / "run", run.raw
        )

    whole = Loop(run_config.task_of(run), run.loop, tmp_path / "whole", run.raw)
    whole.run()
    loop(2).run()
    resumed = loop(4)
    resumed.run()
    for name, weights in whole.task.modules["symbolic"].state_dict().items():
        assert torch.equal(weights, resumed.task.modules["symbolic"].state_dict()[name])
    plain = LanguageModel(whole.task.model.config)
    exported = load_file(tmp_path / "whole/last/language_model.safetensors")
    assert set(exported) == set(plain.state_dict())  # nothing of the reader is kept


def test_it_does_not_go_with_shards(tmp_path):
    tiny.shards(tmp_path / "shards", facts=True)
    config = tiny.write(
        tmp_path / "run.yml",
        tiny.LANGUAGE_MODEL,
        tiny.data_of(tmp_path, "language_model"),
        training={"symbolic": 0.1},
    )
    task = run_config.task_of(run_config.read(config))
    with pytest.raises(InputError, match="symbolic"):
        task.place(Processes(), shard=True)
