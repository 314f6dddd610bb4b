"""CLAP: the cosine, and the checks that stand between its weights and a number."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch

from core.errors import FailureError, InputError
from evaluation.metrics import clap
from evaluation.metrics.clap_cosine import cosines
from evaluation.metrics.weights import Weights


def test_cosine_does_not_depend_on_length():
    audio = np.array([[3.0, 0.0], [1.0, 1.0]])
    assert np.allclose(cosines(audio, np.array([[0.5, 0.0], [0.0, 9.0]])), [1, np.sqrt(0.5)])
    with pytest.raises(InputError, match="row 1"):
        cosines(np.array([[1.0], [0.0]]), np.ones((2, 1)))
    with pytest.raises(InputError, match="one row an item"):
        cosines(np.ones((2, 3)), np.ones((1, 3)))


def test_the_five_token_tokenizer_is_refused():
    clap.check_tokenizer(clap.TOKENIZER_LENGTH)
    with pytest.raises(FailureError, match="5 tokens"):
        clap.check_tokenizer(5)


def test_texts_that_embed_alike_are_refused():
    clap.check_texts_differ(np.array([[1.0, 0.0], [0.0, 1.0]]))
    with pytest.raises(FailureError, match="cosine 1.000"):
        clap.check_texts_differ(np.array([[1.0, 0.001], [1.0, 0.0]]))
    with pytest.raises(InputError):
        clap.check_texts_differ(np.array([[np.nan, 1.0], [1.0, 0.0]]))


def test_offline_it_says_what_to_fetch(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(FailureError, match="hf download roberta-base"):
        clap.Clap(Weights(tmp_path / "w.pt", "", official=False), "music_audioset")
    with pytest.raises(FailureError, match="roberta-base/config.json"):
        clap.fetch_hub_parts()  # HF_HUB_OFFLINE is set in tests


def save(path: Path, content: object) -> Weights:
    torch.save(content, path)
    return Weights(path, hashlib.sha256(path.read_bytes()).hexdigest(), official=False)


def test_checkpoints_may_hold_numpy_scalars_but_no_programs(tmp_path):
    kept = {"epoch": 3, "best": np.float64(1.5), "state_dict": {"module.a": torch.ones(2)}}
    state = clap._state(save(tmp_path / "good.pt", kept))
    assert list(state) == ["a"] and torch.equal(state["a"], torch.ones(2))
    with pytest.raises(InputError, match="more than tensors"):
        clap._state(save(tmp_path / "bad.pt", {"state_dict": Path}))


def test_windows_cover_the_clip_and_drop_a_short_tail():
    rate = clap.CLAP_RATE
    lengths = [len(piece) / rate for piece in clap.ten_second_windows(np.zeros(int(20.5 * rate)))]
    assert lengths == [10, 10]
    assert [len(p) for p in clap.ten_second_windows(np.zeros(100))] == [100]
    assert len(list(clap.ten_second_windows(np.zeros(25 * rate)))) == 3
