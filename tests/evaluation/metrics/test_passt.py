"""PaSST's plumbing through the real package; one forward, since each takes seconds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from core.errors import InputError
from evaluation.metrics.passt import CLASSES, KINDS, PASST_RATE, Passt, build_passt
from evaluation.metrics.weights import check, sha256_of
from evaluation.metrics.windows import Window, audiocraft_windows, sam_windows


def test_one_forward_with_stated_weights(tmp_path, capsys):
    path = tmp_path / "state.pt"
    torch.save(build_passt(KINDS[10]).net.state_dict(), path)
    with pytest.raises(InputError, match="STUDIO_PASST_SHA256"):
        check(KINDS[10].checkpoint, path)
    model = Passt(check(KINDS[10].checkpoint, path, stated=sha256_of(path)))
    generator = torch.random.get_rng_state()
    audio = np.random.default_rng(0).normal(0, 0.1, PASST_RATE).astype(np.float32)
    logits = model.logits(audio, sam_windows(len(audio), PASST_RATE))
    assert logits.shape == (1, CLASSES) and np.isfinite(logits).all()
    assert torch.equal(generator, torch.random.get_rng_state())
    assert capsys.readouterr().out == ""
    with pytest.raises(InputError, match="at most 10 s"):
        model.logits(audio, [Window(0, len(audio), 10 * PASST_RATE)])
    torch.save({"other": torch.ones(1)}, path)
    with pytest.raises(InputError, match="not this model's"):
        Passt(check(KINDS[10].checkpoint, path, stated=sha256_of(path)))


@pytest.mark.parametrize("seconds", [0.5, 4, 10, 17.3, 120])
def test_windows_cover_the_clip(seconds):
    samples = int(seconds * PASST_RATE)
    for cut in (sam_windows(samples, PASST_RATE), audiocraft_windows(samples, PASST_RATE, 10)):
        heard = np.zeros(samples, bool)
        for window in cut:
            assert 0 <= window.start < window.end <= samples
            heard[window.start : window.end] = True
        assert heard.all()


def test_a_clip_too_short_for_audiocraft_gives_no_window():
    assert audiocraft_windows(int(0.1 * PASST_RATE), PASST_RATE, 10) == []
