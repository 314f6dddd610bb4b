"""The examples shipped with the studio are what their requests and the shipped model make."""

from __future__ import annotations

import json

import mutagen
import numpy as np
import pytest
import soundfile

from core import variants
from core.checkpoints import opening
from core.requests.request import GenerationRequest
from studio.library.examples import COMMAND, EXAMPLES, FOLDER, shipped

PIECES = shipped()


def test_every_example_is_shipped_and_nothing_else():
    assert [p.request for p in PIECES] == [e.request for e in EXAMPLES], f"run {COMMAND}"
    names = {path.name for path in FOLDER.iterdir()}
    assert names == {p.file for p in PIECES} | {"examples.json"}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 2 * 10**6


@pytest.mark.parametrize("piece", PIECES, ids=lambda p: p.file)
def test_a_shipped_piece_is_as_long_as_asked_and_sounds(piece):
    samples, rate = soundfile.read(FOLDER / piece.file)
    assert rate == variants.get(piece.request.variant).sample_rate
    assert abs(len(samples) / rate - piece.request.seconds) < 0.05
    loudness = np.sqrt(np.mean(samples.reshape(10, -1) ** 2, axis=1))  # of each tenth
    assert loudness.min() > 1e-3 and np.abs(samples).max() < 1.0
    tags = mutagen.File(FOLDER / piece.file).tags
    assert str(tags["TXXX:AI_GENERATED"]) == "AI-generated"
    assert GenerationRequest.from_dict(json.loads(str(tags["TXXX:REQUEST"]))) == piece.request


def test_the_shipped_pieces_were_made_by_the_shipped_model():
    for piece in PIECES:
        folder = variants.folder_of(variants.get(piece.request.variant))
        now = {"folder": folder.name, **opening.about(folder)}
        made_by = {name: piece.about["model"].get(name) for name in now}
        assert made_by == now, f"the weights have changed since: run {COMMAND}"
