"""The OpenL3 port on a small network of random weights in the official layout."""

from __future__ import annotations

import gzip
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from core.errors import InputError
from evaluation.metrics import openl3
from evaluation.metrics.kaiser_resample import kaiser_best
from evaluation.metrics.openl3 import CHECKPOINT, SAMPLE_RATE, OpenL3, cut_windows
from evaluation.metrics.weights import check, sha256_of

WIDTHS = (2, 2, 3, 3, 4, 4, 5, 6)


def write_weights(path: Path, widths: tuple[int, ...] = WIDTHS) -> Path:
    generator = np.random.default_rng(0)
    layers: list[dict[str, np.ndarray]] = []

    def norm(width: int) -> dict[str, np.ndarray]:
        names = ("gamma", "beta", "moving_mean", "moving_variance")
        return {name: generator.uniform(0.5, 1.5, width) for name in names}

    layers.append(norm(1))
    for i, (before, width) in enumerate(zip((1, *widths), widths)):
        kernel = generator.normal(size=(3, 3, before, width)) / np.sqrt(9 * before)
        layers.append({"kernel": kernel, "bias": generator.normal(size=width)})
        if i < len(widths) - 1:
            layers.append(norm(width))
    with h5py.File(path, "w") as file:
        names = []
        for i, layer in enumerate(layers):
            names += [f"pool_{i}".encode(), f"z{99 - i}_layer".encode()]
            file.create_group(names[-2]).attrs["weight_names"] = np.array([], "S8")
            group = file.create_group(names[-1])
            group.attrs["weight_names"] = [f"layer/{name}:0".encode() for name in layer]
            for name, array in layer.items():
                group[f"layer/{name}:0"] = array.astype(np.float32)
        file.attrs["layer_names"] = names
    return path


def opened(path: Path) -> OpenL3:
    return OpenL3(check(CHECKPOINT, path, stated=sha256_of(path)))


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> OpenL3:
    return opened(write_weights(tmp_path_factory.mktemp("openl3") / "weights.h5"))


def test_windows_follow_openl3():
    for seconds, count in ((0.7, 2), (10, 20), (30, 60)):
        windows = cut_windows(np.ones(int(seconds * SAMPLE_RATE), np.float32))
        assert windows.shape == (count, SAMPLE_RATE)
        assert not windows[0, : SAMPLE_RATE // 2].any() and windows[0, SAMPLE_RATE // 2] == 1
    assert len(cut_windows(np.ones(96_000, np.float32), 0.1, center=False)) == 11
    assert len(cut_windows(np.ones(10, np.float32), center=False)) == 1


def test_batches_across_clips_change_nothing(model):
    generator = np.random.default_rng(0)
    clips = [generator.normal(0, 0.1, n).astype(np.float32) for n in (30_000, 150_000, 90_000)]
    together = list(model.embed_many(clips))
    for clip, embedded in zip(clips, together):
        assert embedded.shape == (len(cut_windows(clip)), model.dimension)
        assert np.allclose(embedded, model.embed(clip), atol=1e-5)
    assert sum(map(len, together)) > openl3.BATCH_WINDOWS
    assert list(model.embed_many([])) == []


def test_loudness_does_not_matter_but_silence_of_one_window_is_finite(model):
    audio = np.random.default_rng(0).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    assert np.allclose(model.embed(audio), model.embed(audio / 4), atol=1e-4)
    assert np.isfinite(model.embed(np.zeros(SAMPLE_RATE, np.float32))).all()


def test_folded_norms_equal_the_layers_one_by_one(model):
    layers = openl3.read_keras_layers(model.weights.path)
    mel = torch.rand(2, 256, 199) * 80 - 80
    x = mel[:, None]
    for i, layer in enumerate(layers):
        parts = [torch.from_numpy(part) for part in layer]
        if len(layer) == 4:
            gamma, beta, mean, variance = parts
            x = torch.nn.functional.batch_norm(x, mean, variance, gamma, beta, eps=1e-3)
            x = torch.relu(x) if i else x
            if i in (4, 8, 12):
                x = torch.nn.functional.max_pool2d(x, 2)
        else:
            kernel = parts[0].permute(3, 2, 0, 1)
            x = torch.nn.functional.conv2d(x, kernel, parts[1], padding=1)
    with torch.inference_mode():
        ours = model.network(mel)
    assert torch.allclose(ours, x.amax(dim=(2, 3)), atol=1e-4)


def test_packed_weights_are_the_same(model, tmp_path):
    packed = tmp_path / "weights.h5.gz"
    packed.write_bytes(gzip.compress(model.weights.path.read_bytes()))
    audio = np.random.default_rng(1).normal(0, 0.1, SAMPLE_RATE).astype(np.float32)
    assert np.array_equal(opened(packed).embed(audio), model.embed(audio))


def test_other_files_are_refused(tmp_path):
    short = write_weights(tmp_path / "short.h5", WIDTHS[:5])
    with pytest.raises(InputError, match="arrays per layer"):
        opened(short)
    (tmp_path / "text.h5").write_text("no weights")
    with pytest.raises(InputError, match="legacy Keras"):
        opened(tmp_path / "text.h5")
    with pytest.raises(InputError, match="sha256"):
        check(CHECKPOINT, short)


@pytest.mark.parametrize("source,target", [(44_100, 48_000), (24_000, 48_000), (96_000, 48_000)])
def test_resampling_keeps_a_tone(source, target):
    seconds = np.arange(source) / source
    ours = kaiser_best(np.sin(2 * np.pi * 997 * seconds), source, target)
    assert len(ours) == target
    wanted = np.sin(2 * np.pi * 997 * np.arange(target) / target)
    assert np.abs(ours - wanted)[2000:-2000].max() < 1e-4


def test_equal_rates_are_left_alone():
    audio = np.random.default_rng(0).normal(size=100).astype(np.float32)
    assert np.array_equal(kaiser_best(audio, 48_000, 48_000), audio)
