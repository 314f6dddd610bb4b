"""What each model is given of a file."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from core.compatibility import ready_torchaudio, ready_torchvision
from core.errors import InputError
from evaluation.metrics import preparation
from evaluation.metrics.preparation import Span


@pytest.fixture
def write(tmp_path):
    def _write(name, audio, rate=44_100):
        soundfile.write(tmp_path / name, audio, rate, subtype="FLOAT")
        return tmp_path / name

    return _write


def noise(samples: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.1, (samples, channels)).astype(np.float32)


def test_equal_channels_are_embedded_once(write):
    mono, stereo = noise(44_100), noise(44_100, 2)
    one = preparation.openl3_signals(write("mono.wav", mono), 2)
    same = preparation.openl3_signals(write("same.wav", np.hstack([mono, mono])), 2)
    both = preparation.openl3_signals(write("stereo.wav", stereo), 2)
    assert (len(one), len(same), len(both)) == (1, 1, 2)
    assert np.allclose(one[0], same[0], atol=1e-6)
    [mean] = preparation.openl3_signals(write("stereo.wav", stereo), 1)
    assert np.allclose(mean, (both[0] + both[1]) / 2, atol=1e-5)
    assert len(mean) == 48_000


def test_level_is_joint_over_channels(write):
    audio = noise(44_100, 2) * [1, 0.1]
    left, right = preparation.openl3_middle(write("a.wav", audio))
    assert max(abs(left).max(), abs(right).max()) == pytest.approx(10 ** (-1 / 20), rel=1e-5)
    assert abs(right).max() < 0.2


def test_silent_absent_broken_and_empty_files_are_named(write, tmp_path):
    silent = write("silent.wav", np.zeros(1000, np.float32))
    for prepare in (preparation.passt_signal, preparation.clap_signal):
        with pytest.raises(InputError, match="silent"):
            prepare(silent)
    assert not preparation.passt_signal(silent, peak_db=None).any()
    (tmp_path / "broken.wav").write_bytes(b"not audio")
    for name, said in (("absent.wav", "no such file"), ("broken.wav", "decoded")):
        with pytest.raises(InputError, match=said):
            preparation.musicnn_signal(tmp_path / name)
    with pytest.raises(InputError, match="no samples"):
        preparation.musicnn_signal(silent, Span(begin=9.0))


def test_a_span_is_cut_before_its_level_is_set(write):
    audio = np.concatenate([noise(32_000), noise(32_000) * 0.01])
    path = write("a.wav", audio, 32_000)
    quiet = preparation.passt_signal(path, span=Span(1.0))
    assert len(quiet) == 32_000
    assert abs(quiet).max() == pytest.approx(10 ** (-1 / 20), rel=1e-5)
    assert len(preparation.passt_signal(path, span=Span(0.5, 0.25))) == 8_000


def test_int16_goes_towards_zero():
    step = 1 / 32767
    audio = np.array([0.9 * step, -0.9 * step, 2.0, -2.0], np.float32)
    assert preparation.int16_round_trip(audio).tolist() == [0, 0, 1, -1]


def test_companions_of_torch_import():
    ready_torchvision()
    ready_torchaudio()
    import torchaudio.compliance.kaldi
    import torchvision.ops.misc
    from transformers import RobertaModel

    assert torchvision.ops.misc.FrozenBatchNorm2d and RobertaModel
    assert torchaudio.compliance.kaldi.get_mel_banks
