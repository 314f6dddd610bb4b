"""Metrics on MERT, MuQ, MuQ-MuLan, Audiobox and MuQ-Eval: what surrounds their networks."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from drawn_state import sound, state
from safetensors.torch import save_file

from core.errors import FailureError, InputError
from evaluation import score
from evaluation.benchmark import read_plan
from evaluation.datasets import Item
from evaluation.embeddings import (
    AudioboxRatings,
    AudioClip,
    HiddenStates,
    MulanEmbedding,
    MuqEvalRatings,
)
from evaluation.metrics import Span, models
from evaluation.metrics.encoders import mulan, muq_eval
from evaluation.metrics.encoders.audiobox import Audiobox, AudioboxSizes
from evaluation.metrics.frechet_blocks import BlockSums
from evaluation.metrics.weights import KnownWeights, sha256_of
from evaluation.metrics.windows import consecutive
from evaluation.suite import MauveDivergence, MetricData, PredictedRatings, recipes
from evaluation.suite.frechet_infinity import FrechetInfinity

GOLDEN = Path(__file__).parents[2] / "golden"
RATE = 24_000


class Counting:
    """Rows that say at which frame of which window they stand."""

    def __init__(self) -> None:
        self.heard: list[int] = []

    def hidden(self, audio: np.ndarray, layer: int) -> np.ndarray:
        self.heard.append(len(audio))
        frames = np.arange(len(audio) // 320 - 1, dtype=np.float32)
        return np.stack([frames, np.full(len(frames), layer, np.float32)], axis=1)


def clip(folder: Path, seconds: float) -> AudioClip:
    path = folder / "a.wav"
    tone = 0.2 * np.sin(np.arange(int(seconds * RATE)) / 20)
    soundfile.write(path, tone, RATE)
    return AudioClip("a", path, "", Span())


def test_hidden_states_are_pooled_as_they_say(tmp_path):
    heard = clip(tmp_path, 12.5)

    def rows(pooling: str, window_seconds: float = 10) -> tuple[np.ndarray, list[int]]:
        model = Counting()
        embedding = HiddenStates("mert-95m", 7, pooling, window_seconds)
        [arrays] = embedding.embed(model, [heard])
        return arrays["frames"], model.heard

    frames, lengths = rows("frames")
    assert lengths == [240_000, 60_000] and frames.shape == (749 + 186, 2)
    seconds, _ = rows("seconds")
    assert seconds.shape == (10 + 2, 2)
    assert seconds[0, 0] == pytest.approx(37, abs=0.5) and (seconds[:, 1] == 7).all()
    assert seconds[10, 0] < seconds[11, 0] < seconds[9, 0]  # the second window begins anew
    whole, lengths = rows("maximum", 0)
    assert lengths == [300_000] and whole.tolist() == [[935, 7]]


def test_a_short_tail_is_left_out_and_a_short_clip_is_heard():
    def lengths(seconds: float) -> list[float]:
        audio = np.zeros(int(seconds * RATE))
        return [len(window.cut(audio)) / RATE for window in consecutive(audio, RATE, 10)]

    assert lengths(20.9) == [10, 10]
    assert lengths(21) == [10, 10, 1]
    assert lengths(0.5) == [0.5]


def test_mulan_s_last_window_goes_on_with_the_beginning():
    audio = np.arange(14 * RATE)
    first, last = mulan.windows(audio)
    assert len(first) == len(last) == 10 * RATE
    assert last[4 * RATE - 1] == audio[-1] and last[4 * RATE] == 0
    assert len(mulan.windows(audio[: 3 * RATE])[0]) == 6 * RATE  # as muq does it


def test_muq_eval_s_windows():
    counts = [
        len(list(muq_eval.windows(np.ones(int(seconds * RATE))))) for seconds in (3, 10, 14.9, 15)
    ]
    assert counts == [1, 1, 1, 2]
    [padded] = muq_eval.windows(np.ones(3 * RATE))
    assert len(padded) == 10 * RATE and padded.sum() == 3 * RATE


def rated(clips: int, axes: int) -> MetricData:
    draw = np.random.default_rng(1)
    items = tuple(Item(str(number), "", None, str(number)) for number in range(clips))
    return MetricData(items, {item.id: {"ratings": draw.normal(size=axes)} for item in items})


def test_ratings_are_means_by_clip_with_their_intervals():
    data = rated(30, 4)
    found = PredictedRatings("Audiobox", AudioboxRatings()).score(data)
    assert [one.name for one in found] == [f"Audiobox {axis}" for axis in ("CE", "CU", "PC", "PQ")]
    assert [one.better for one in found] == ["higher", "higher", "", "higher"]
    for place, one in enumerate(found):
        values = [data.generated[item.id]["ratings"][place] for item in data.items]
        assert one.estimate == pytest.approx(np.mean(values)) and one.low < one.estimate < one.high
        assert one.per_item["3"] == values[3]
    [single] = PredictedRatings("MuQ-Eval", MuqEvalRatings()).score(rated(30, 1))
    assert single.name == "MuQ-Eval"


def test_mad_grows_with_the_difference_and_needs_twenty_clips():
    draw = np.random.default_rng(2)

    def mad(shift: float, clips: int = 60) -> list:
        items = tuple(Item(str(number), "", None, str(number)) for number in range(clips))
        sides = [
            {str(n): {"frames": draw.normal(size=(1, 8)) + moved} for n in range(clips)}
            for moved in (shift, 0.0)
        ]
        return MauveDivergence("MAD", HiddenStates("mert-330m", 24)).score(
            MetricData(items, *sides)
        )

    [near], [far] = mad(0.0), mad(2.0)
    assert 0 <= near.estimate < 0.5 * far.estimate
    assert near.low is None and "two halves of the real clips (30 each)" in near.note
    assert mad(0.0, clips=19) == []


def test_infinity_compares_two_systems_on_the_same_real_clips():
    draw = np.random.default_rng(4)
    items = tuple(Item(str(number), "", None, str(number)) for number in range(48))
    real = {item.id: {"frames": draw.normal(size=(6, 4))} for item in items}
    metric = FrechetInfinity("FAD-inf", HiddenStates("muq", 12))

    def system(shift: float) -> MetricData:
        own = {
            key: {"frames": arrays["frames"] + shift + draw.normal(size=(6, 4)) * 0.3}
            for key, arrays in real.items()
        }
        return MetricData(items, own, real)

    near, far = system(0.0), system(0.5)
    left, right, interval, p, test = metric.difference(near, far, swaps=1, seed=0)
    assert metric.score(near)[0].estimate == left
    assert interval.low < left - right < interval.high < 0 and p < 0.001
    assert test == "jackknife over 24 blocks of clips"
    assert metric.difference(near, near, swaps=1, seed=0)[3] == 1.0
    [result] = metric.score(far)
    assert result.low < result.estimate < result.high and result.clips == 48
    assert metric.score(MetricData(items[:23], near.generated, real)) == []
    whole = BlockSums([real[item.id]["frames"] for item in items], np.zeros(48, int)).moments()
    [fixed] = metric.score(MetricData(items, far.generated, statistics=whole))
    assert fixed.estimate == pytest.approx(result.estimate, rel=1e-9)
    assert "held fixed" in fixed.note and fixed.low != result.low


def test_everything_that_is_missing_is_said_at_once(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "work"))
    monkeypatch.setattr(mulan, "try_to_load_from_cache", lambda *_: None)
    clip(tmp_path, 1)
    (tmp_path / "captions.csv").write_text("file_name,text\na.wav,a tone\n")
    with pytest.raises(FailureError) as error:
        score(tmp_path, captions=tmp_path / "captions.csv", recipe="reference-free")
    said = str(error.value)
    for name in ("STUDIO_MUQ_MULAN", "STUDIO_AUDIOBOX", "STUDIO_MUQ_EVAL", "tokenizer.json"):
        assert name in said
    assert "a5a3c2412649" in said and "415 MB" in said and "--fetch" in said


def test_a_recipe_rates_a_folder_with_weights_that_were_checked(tmp_path, monkeypatch):
    shapes = json.loads((GOLDEN / "vectors/encoders/audiobox.json").read_text())
    kept = {key: torch.from_numpy(value) for key, value in state(shapes).items()}
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "work"))
    known = KnownWeights("Audiobox", "w.safetensors", "http://x", (), "STUDIO_TEST", "none")
    known.place.parent.mkdir(parents=True)
    save_file(kept, known.place)
    sizes = AudioboxSizes(width=32, layers=2, heads=4, inner=48, channels=16)
    small = models._Downloaded(known, lambda weights, device: Audiobox(weights, device, sizes))
    monkeypatch.setitem(models.DOWNLOADED, "audiobox", small)
    ratings = PredictedRatings("Audiobox", AudioboxRatings())
    made = recipes.Recipe("small", "a test", (), "", (ratings,))
    monkeypatch.setattr(recipes, "RECIPES", {"small": made})
    folder = tmp_path / "generated"
    folder.mkdir()
    for number in range(3):
        soundfile.write(folder / f"{number}.wav", sound(2.0, 16_000, number), 16_000)
    with pytest.raises(InputError, match="STUDIO_TEST_SHA256"):
        score(folder, recipe="small")  # nobody vouches for these weights
    monkeypatch.setenv("STUDIO_TEST_SHA256", sha256_of(known.place))
    found = score(folder, recipe="small")
    assert list(found.table["metric"]) == [f"Audiobox {axis}" for axis in ("CE", "CU", "PC", "PQ")]
    assert len(found.items) == 3
    other = dataclasses.replace(
        made, name="other", metrics=(PredictedRatings("A", AudioboxRatings()),)
    )
    monkeypatch.setattr(recipes, "RECIPES", {"small": made, "other": other})
    both = score(folder, recipe="other", metrics=["Audiobox"]).table
    assert list(both["metric"])[3:5] == ["A PQ", "Audiobox CE"]
    assert list(both["value"])[4:] == list(found.table["value"])


def test_a_metric_of_another_recipe_is_named(tmp_path):
    [named] = recipes.metrics_of("Audiobox")
    assert named == recipes.recipe("reference-free").metrics[1]
    assert recipes.metrics_of("FD-openl3") == recipes.recipe("paper").metrics[:1]
    with pytest.raises(InputError, match="paper, sam-2024.*choose one of these recipes"):
        recipes.metrics_of("CLAP")
    with pytest.raises(InputError, match="name a Python file or one of .*MAD"):
        recipes.metrics_of("PESQ")
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"recipe: offline\nmetrics: [Audiobox, MAD]\n"
        f"dataset: {{kind: folder, table: a.csv, audio: real}}\n"
        f"systems: [{{name: one, folder: {tmp_path}}}]\n"
    )
    read = read_plan(plan).recipe  # names need no leave to run programs
    assert [metric.name for metric in read.metrics][-2:] == ["Audiobox", "MAD"]
    assert read.models == ["musicnn", "audiobox", "mert-330m"]


def test_the_recipes_need_references_only_where_they_compare():
    free = recipes.recipe("reference-free")
    assert not free.needs_reference and free.models == ["muq-mulan", "audiobox", "muq-eval"]
    assert recipes.recipe("mert").models == ["mert-95m", "mert-330m"]
    assert recipes.recipe("muq").needs_reference
    assert isinstance(free.metrics[0].embedding, MulanEmbedding)
