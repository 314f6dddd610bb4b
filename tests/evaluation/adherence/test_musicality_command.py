"""The figures of held-out music beside its own score, by the command."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from core import audio
from core.errors import InputError
from evaluation.__main__ import main
from evaluation.musicality.measuring import register_of, rolls
from evaluation.nano.pieces import read_pieces
from tests.trainers import tiny
from trainers.corpus import compose
from trainers.corpus.folder import entry, write_score

RATE = 24000


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """One piece whose pitched notes are plucked tones of five partials."""
    folder = tmp_path_factory.mktemp("corpus")
    piece = next(p for p in map(compose, range(30)) if "lead" in p.instruments)
    sound = np.zeros(round((piece.duration_s + 2) * RATE))
    beat = 60 / piece.tempo
    for note in piece.notes:
        if piece.parts[note.part].role == "drums":
            continue
        time = np.arange(round(max(note.length * beat, 0.1) * RATE)) / RATE
        hertz = 440 * 2 ** ((note.pitch - 69) / 12)
        wave = sum(np.sin(2 * np.pi * k * hertz * time) / k**1.5 for k in range(1, 6))
        first = round(note.start * beat * RATE)
        sound[first : first + len(time)] += 0.02 * wave * np.exp(-2 * time)
    samples = sound[: round(piece.duration_s * RATE)].astype(np.float32)
    audio.write(folder / f"{piece.id}.flac", samples, RATE)
    (folder / f"{piece.id}.json").write_text(json.dumps(entry(piece)))
    write_score(folder, piece)
    return folder


def test_the_score_on_disk_is_the_pieces(corpus: Path) -> None:
    (piece,) = read_pieces(corpus, None)
    composed = compose(piece.facts["seed"])
    assert len(piece.notes) == len(composed.notes)
    start = piece.verse(10.0)
    score, lead = rolls(piece, start, 10.0)
    assert score.any() and not (lead & ~score).any()
    register = register_of(piece)
    assert register is not None and register[0] < register[1]


def test_real_music_keeps_its_notes_and_a_codec_of_random_weights_does_not(
    corpus: Path, tmp_path: Path, capsys
) -> None:
    tiny.shards(tmp_path / "shards")
    codec = tiny.model_folder(tmp_path / "random" / "last", tmp_path / "shards/tokenizer.json")
    asked = ["--held-out", str(corpus), "--clips", "1", "--codec", str(codec)]
    assert main(["musicality", *asked, "--json", str(tmp_path / "found.json")]) == 0
    found = json.loads((tmp_path / "found.json").read_text())["systems"]
    real, made = found["real"], found["wavtokenizer of random"]
    assert real["pitch-class F1"]["mean"] > 0.6 and real["in tune"]["mean"] > 0.4
    assert real["time in key"]["mean"] > 0.85 and real["chord agreement"]["n"] == 1
    lost = made["pitch-class F1"]["mean"]
    assert lost is None or lost < real["pitch-class F1"]["mean"] - 0.2
    assert "real: in tune" in capsys.readouterr().out


def test_a_corpus_without_scores_says_what_to_do(corpus: Path, tmp_path: Path) -> None:
    for file in corpus.iterdir():
        if not file.name.endswith(".npy"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    (piece,) = read_pieces(tmp_path, None)
    with pytest.raises(InputError, match="trainers corpus"):
        _ = piece.notes
