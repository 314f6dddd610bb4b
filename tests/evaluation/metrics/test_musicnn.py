"""musicnn on its real weights."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
import torch

from core.errors import FailureError, InputError
from evaluation.metrics import musicnn
from evaluation.metrics.musicnn import MusicNN, package_folder, patch_starts
from evaluation.metrics.networks.tensor_bundle import read_bundle

RATE = musicnn.SAMPLE_RATE


@pytest.fixture(scope="module")
def tagger() -> MusicNN:
    return MusicNN()


def test_one_row_a_patch_and_the_tail_is_dropped(tagger):
    audio = np.random.default_rng(0).normal(0, 0.1, 7 * RATE).astype(np.float32)
    heard = tagger.hear(audio)
    assert heard.tags.shape == (2, len(tagger.names)) == (2, 50)
    assert heard.penultimate.shape == (2, 200)
    assert heard.starts.tolist() == [0, musicnn.PATCH_FRAMES]
    assert (heard.tags > 0).all() and (heard.tags < 1).all()
    first = tagger.hear(audio[: 3 * RATE + 600])
    assert np.allclose(first.tags[0], heard.tags[0], atol=1e-5)


def test_it_tells_sounds_apart(tagger):
    time = np.arange(3 * RATE) / RATE
    noise = np.random.default_rng(0).normal(size=len(time))
    beat = (noise * np.exp(-((time * 2) % 1) * 30) * 0.5).astype(np.float32)
    hum = (0.1 * np.sin(2 * np.pi * 220 * time)).astype(np.float32)
    tags = {n: tagger.tags(sound)[0] for n, sound in (("beat", beat), ("hum", hum))}
    electronic, ambient = tagger.names.index("electronic"), tagger.names.index("ambient")
    assert tags["beat"][electronic] > tags["hum"][electronic]
    assert tags["hum"][ambient] > tags["beat"][ambient]


def test_loud_audio_stays_finite(tagger):
    mel = musicnn.log_mel(np.random.default_rng(0).normal(0, 1, 3 * RATE).astype(np.float32))
    assert np.isfinite(mel).all() and mel.max() > np.log10(65504)


def test_too_short_or_stereo_is_named(tagger):
    with pytest.raises(InputError, match=r"1.00 s.*at least 2.98 s"):
        tagger.hear(np.zeros(RATE))
    with pytest.raises(InputError, match="mono"):
        tagger.hear(np.zeros((2, 5 * RATE)))
    needed = (musicnn.PATCH_FRAMES - 1) * musicnn.HOP
    assert len(tagger.hear(np.zeros(needed)).starts) == 1
    assert list(patch_starts(186)) == []


def test_other_weights_are_refused(tmp_path):
    with pytest.raises(FailureError, match="pip install --no-deps musicnn==0.1.0"):
        MusicNN(tmp_path)
    for name in (".index", musicnn.CHECKPOINT.file):
        shutil.copy(package_folder() / name, tmp_path / name)
    data = tmp_path / musicnn.CHECKPOINT.file
    content = bytearray(data.read_bytes())
    content[1000] ^= 1
    data.write_bytes(content)
    with pytest.raises(InputError, match="sha256"):
        MusicNN(tmp_path)


def test_damaged_checkpoints_are_named(tmp_path):
    folder = package_folder()
    index, data = folder / ".index", folder / musicnn.CHECKPOINT.file
    arrays = read_bundle(index, data)
    assert arrays["dense_1/kernel"].shape == (200, 50)
    (tmp_path / "cut").write_bytes(data.read_bytes()[:1000])
    with pytest.raises(InputError, match="intact"):
        read_bundle(index, tmp_path / "cut")
    with pytest.raises(InputError, match=".index"):
        read_bundle(data, data)


def test_the_shipped_weights_are_the_published_ones(tagger, tmp_path, monkeypatch):
    assert tagger.weights.path == musicnn.SHIPPED and tagger.weights.official
    assert (musicnn.SHIPPED.parent / "LICENSE.md").is_file()
    published = MusicNN(package_folder())
    assert published.weights.sha256 == tagger.weights.sha256
    theirs = published.network.state_dict()
    assert all(
        torch.equal(theirs[name], ours) for name, ours in tagger.network.state_dict().items()
    )
    other = tmp_path / "musicnn.safetensors"
    other.write_bytes(musicnn.SHIPPED.read_bytes()[:-1] + b"\1")
    monkeypatch.setattr(musicnn, "SHIPPED", other)
    with pytest.raises(InputError, match="musicnn weights"):
        MusicNN()
