"""A metric's version is a number its author raises: whatever changes a value without it fails
here, since caches would go on giving the old one.

`python tests/evaluation/test_metric_versions.py` writes the values anew, and refuses to where a
version stayed the same.
"""

from __future__ import annotations

import functools
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.adherence.recognition import TONICS
from evaluation.datasets import Item
from evaluation.embeddings import AudioboxRatings, AudioClip, ClapFrames, MusicnnEmbedding
from evaluation.metrics import MusicNN, Span, frechet_distance
from evaluation.suite import (
    RECIPES,
    FrechetDistance,
    KernelDistance,
    KLDivergence,
    MauveDivergence,
    Metric,
    MetricData,
    PredictedRatings,
    TextSimilarity,
)
from evaluation.suite.frechet_infinity import FrechetInfinity, frechet_infinity
from evaluation.suite.kadtk import ToolkitKernelDistance, toolkit_kad
from evaluation.suite.recipes import ADHERENCE, MUSIC_CLAP, MUSICALITY, MUSICNN

GOLDEN = Path(__file__).with_name("metric_versions.json")
TOLERANCE = 1e-5
METRICS: list[Metric] = [
    FrechetDistance("Frechet", MUSICNN),
    KernelDistance("kernel", MUSICNN),
    KLDivergence("KL", MUSICNN, directions=("generated||reference", "reference||generated")),
    KLDivergence("KL of segments", MUSICNN, pooling="segments", average="segments"),
    TextSimilarity("text", MUSIC_CLAP),
    ToolkitKernelDistance("kadtk", MUSICNN),
    FrechetInfinity("infinity", MUSICNN),
    MauveDivergence("MAUVE", MUSICNN),
    PredictedRatings("ratings", AudioboxRatings()),
    *ADHERENCE.metrics,
    *MUSICALITY.metrics,
]


def data(clips: int = 24) -> MetricData:
    """The same arrays in every run: three captions share the first real clip."""
    generator = np.random.default_rng(11)
    items = tuple(Item(str(n), f"caption {n}", None, str(max(0, n - 2))) for n in range(clips))

    def arrays(shift: float) -> dict[str, np.ndarray]:
        frames = (generator.normal(size=(4, 6)) + shift).astype(np.float32)
        return {
            "frames": frames,
            "ratings": frames[0, :4],
            "logits": (generator.normal(size=(3, 9)) + shift).astype(np.float32),
            "audio": (generator.normal(size=5) + 1).astype(np.float32),
        }

    texts = generator.normal(size=(clips, 5)) + 1
    return MetricData(
        items,
        {item.id: arrays(0.3) for item in items},
        {item.reference_id: arrays(0.0) for item in items},
        lambda captions: texts[: len(captions)],
    )


def music(clips: int = 40) -> MetricData:
    """What is heard in clips of known facts; every fourth generated clip is another than asked."""
    generator = np.random.default_rng(13)
    scales = [[0, 2, 4, 5, 7, 9, 11], [0, 2, 3, 5, 7, 8, 10]]

    def facts(n: int) -> dict[str, str]:
        return {
            "style": "rock" if n % 2 else "jazz",
            "has_drums": "yes" if n % 2 else "no",
            "bpm": f"{70 + n}",
            "key": TONICS[n % 12],
            "mode": "minor" if n % 3 == 0 else "major",
            "sections": "a:0-10,b:10-20",
        }

    def arrays(n: int) -> dict[str, np.ndarray]:
        chroma = np.full(12, 0.05)
        chroma[[(n + step) % 12 for step in scales[n % 3 == 0]]] = 0.6
        chroma[n % 12] = 1
        roll = generator.random((60, 88)) < 0.02 + 0.2 * np.resize(np.roll(chroma, 3), 88)
        half = np.zeros((40, 4), np.float32)
        half[10 if n % 5 == 0 else 20 :] = 3
        return {
            "frames": (generator.normal(size=(3, 6)) + 4 * (n % 2)).astype(np.float32),
            "tempo": np.array([70 + n], np.float32),
            "chroma": np.tile(chroma + 0.02 * generator.random(12), 2).astype(np.float32),
            "sections": half,
            "in_tune": generator.random(1),
            "pulse": generator.random(1),
            "onsets": generator.random(50).astype(np.float32),
            "notes": np.packbits(roll, axis=1),
        }

    items = tuple(Item(str(n), "", None, str(n), details=facts(n)) for n in range(clips))
    real = {str(n): arrays(n) for n in range(clips)}
    generated = {str(n): arrays(n + 13 if n % 4 == 0 else n) for n in range(clips)}
    return MetricData(items, generated, real)


def metric_values(metric: Metric) -> dict[str, float]:
    found = {}
    if metric in (*ADHERENCE.metrics, *MUSICALITY.metrics):
        given = music()
    else:
        given = data(40 if isinstance(metric, FrechetInfinity) else 24)  # it needs more
    for result in metric.score(given):
        for name in ("estimate", "low", "high", "bias", "bias_measured"):
            value = getattr(result, name)
            if value is not None:
                found[f"{result.name}, {name}"] = float(value)
        if result.per_item:
            found[f"{result.name}, first item"] = next(iter(result.per_item.values()))
    return found


def embedding_values() -> dict[str, float]:
    """musicnn's arrays of a fixed sound."""
    times = np.arange(48_000 * 4) / 48_000
    wave = 0.3 * np.sign(np.sin(2 * np.pi * 220 * times)) * (np.sin(9 * times) > 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.wav"
        soundfile.write(path, wave, 48_000, subtype="PCM_24")
        clip = AudioClip("a", path, "", Span())
        [arrays] = MusicnnEmbedding().embed(MusicNN(), [clip])
    return {
        f"{name}, {place}": float(array[0, place])
        for name, array in arrays.items()
        for place in (0, 7, 31)
    }


@functools.cache
def everything() -> dict[str, dict]:
    found = {
        metric.name: {"version": metric.version, "values": metric_values(metric)}
        for metric in METRICS
    }
    embedding = {"version": MusicnnEmbedding.version, "values": embedding_values()}
    return {**found, "musicnn embedding": embedding}


def stored() -> dict[str, dict]:
    return json.loads(GOLDEN.read_text())


def differing(now: dict, kept: dict) -> list[str]:
    names = set(now["values"]) | set(kept["values"])
    return sorted(
        name
        for name in names
        if name not in now["values"]
        or name not in kept["values"]
        or now["values"][name] != pytest.approx(kept["values"][name], rel=TOLERANCE, abs=1e-7)
    )


@pytest.mark.parametrize("name", [*(metric.name for metric in METRICS), "musicnn embedding"])
def test_values_change_only_with_the_version(name: str) -> None:
    now, kept = everything()[name], stored()[name]
    assert now["version"] == kept["version"], "write the values anew: run this file"
    assert differing(now, kept) == [], "raise the version, then run this file"


def test_no_kind_of_metric_is_left_out() -> None:
    kept = {type(metric) for metric in METRICS}
    assert {type(metric) for one in RECIPES.values() for metric in one.metrics} <= kept
    empty = [name for name, one in stored().items() if not one["values"]]
    assert not empty  # what is not measured would never differ


def test_kadtk_s_own_numbers() -> None:
    """kadtk 1.1.0's `calc_kernel_audio_distance` in float64 on these arrays."""
    generator = np.random.default_rng(17)
    background = generator.normal(size=(40, 8))
    evaluated = generator.normal(size=(30, 8)) * 1.2 + 0.3
    value, bandwidth = toolkit_kad(evaluated, background)
    assert bandwidth == pytest.approx(KADTK_BANDWIDTH, rel=1e-6)
    assert value == pytest.approx(KADTK_VALUE, rel=1e-6)


def test_kadtk_s_windows() -> None:
    """Ten seconds every second, the last ones filled with zeros."""
    audio = np.ones(int(2.5 * 48_000), np.float32)
    pieces = list(ClapFrames(step_seconds=1, pad_last=True).windows(audio))
    assert [len(piece) for piece in pieces] == [480_000] * 3
    assert [piece.sum() for piece in pieces] == [120_000, 72_000, 24_000]


def test_infinity_takes_most_of_the_bias_away() -> None:
    generator = np.random.default_rng(3)
    real = [generator.normal(size=(200, 24)) for _ in range(40)]  # its own bias is small
    values, plain = [], []
    for _ in range(6):
        own = [generator.normal(size=(10, 24)) for _ in range(40)]
        found = frechet_infinity(own, real)
        values.append(found.estimate)
        plain.append(frechet_distance(np.concatenate(own), np.concatenate(real)))
        assert 0 <= found.explained <= 1
    assert abs(np.mean(values)) < 0.2 * np.mean(plain)


KADTK_BANDWIDTH = 4.571549892425537
KADTK_VALUE = 3.840159062426385

if __name__ == "__main__":
    fresh = everything()
    for name, kept in (stored() if GOLDEN.is_file() else {}).items():
        if name in fresh and fresh[name]["version"] == kept["version"]:
            if differing(fresh[name], kept):
                sys.exit(f"{name} changed: {differing(fresh[name], kept)}; raise its version first")
    GOLDEN.write_text(json.dumps(fresh, indent=1, sort_keys=True) + "\n")
