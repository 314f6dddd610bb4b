"""Metrics against the golden vectors: values that other toolkits' own functions computed.

Everything is enumerated from the folder; tolerances are those its README states.
"""

from __future__ import annotations

import hashlib
import re
from functools import cache

import numpy as np
import pytest
import torch
from metric_vectors import (
    FOLDER,
    SMALL,
    embeddings,
    load,
    manifest,
    mono,
    openl3_model,
    read_json,
    relative,
)

from evaluation.metrics import frechet, kaiser_resample, kl, musicnn, preparation, windows
from evaluation.metrics.clap_cosine import cosines
from evaluation.metrics.musicnn import MusicNN
from evaluation.metrics.openl3 import SAMPLE_RATE, cut_windows

STAGES = sorted(path.name for path in (FOLDER / "openl3").glob("stages_*.npz"))
DIRECT = {} if SMALL else load("openl3/direct48k.npz")
FRECHET = read_json("openl3/expected_fd.json")
FRECHET_CASES = [name for name, case in FRECHET.items() if "fd_exact_float64" in case]
AUDIO = [(row["side"], row["id"]) for row in manifest()]


AUDIOCRAFT_WINDOWS = sorted(p.name for p in (FOLDER / "passt_kl").glob("windows_audiocraft*.json"))


def test_nothing_is_missing():
    """An empty list of cases would be skipped in silence."""
    assert FRECHET_CASES and AUDIO and AUDIOCRAFT_WINDOWS
    assert SMALL or (STAGES and direct_cases())
    assert read_json("musicnn/meta.json")["files"]
    for channels in (1, 2):
        stored = load(f"openl3/embeddings_ch{channels}.npz")
        assert set(stored) >= {f"{side}__{item}" for side, item in AUDIO}
        assert SMALL or len(stored) == len(AUDIO)


def test_audio_is_the_manifest_s():
    for row in manifest():
        content = (FOLDER / "audio" / row["side"] / f"{row['id']}.wav").read_bytes()
        assert hashlib.sha256(content).hexdigest() == row["sha256"]


@pytest.mark.parametrize("name", STAGES)
def test_openl3_network_from_golden_mel(name):
    stage = load(f"openl3/{name}")
    mel = stage["mel_db_kapre"]
    with torch.inference_mode():
        ours = openl3_model().network(torch.from_numpy(mel)).numpy()
    assert relative(ours, stage["emb_kapre"][: len(mel)]) < 1e-5


def direct_cases() -> list[str]:
    return [key.removeprefix("emb__") for key in DIRECT if key.startswith("emb__")]


@pytest.mark.parametrize("case", direct_cases())
def test_openl3_from_48k_audio(case):
    hop, centre, first = re.fullmatch(r"hop([\d.]+)_(no)?center(?:_first([\d.]+)s)?", case).groups()
    audio = DIRECT["x"][: int(float(first) * SAMPLE_RATE)] if first else DIRECT["x"]
    golden = DIRECT[f"emb__{case}"]
    model, center = openl3_model(), centre is None
    assert relative(model.embed(audio, float(hop), center), golden) < 1e-4
    assert np.allclose(np.arange(len(golden)) * float(hop), DIRECT[f"ts__{case}"], atol=1e-9)
    if f"mel_db__{case}" in DIRECT:
        mel = DIRECT[f"mel_db__{case}"]
        cut = np.ascontiguousarray(cut_windows(audio, float(hop), center)[: len(mel)])
        with torch.inference_mode():
            assert np.abs(model.mel(torch.from_numpy(cut)).numpy() - mel).max() < 0.01
            ours = model.network(torch.from_numpy(mel)).numpy()
        assert relative(ours, golden[: len(mel)]) < 1e-5


@pytest.mark.skipif(SMALL, reason="the small set holds no OpenL3 weights")
def test_openl3_is_not_the_librosa_front_end():
    for key in (key for key in DIRECT if key.startswith("emb_librosa_frontend__")):
        case = key.removeprefix("emb_librosa_frontend__")
        assert relative(DIRECT[f"emb__{case}"], DIRECT[key]) > 0.06
        assert relative(openl3_model().embed(DIRECT["x"]), DIRECT[key]) > 0.06


@pytest.mark.parametrize("name", STAGES)
def test_sam_path_stage_by_stage(name):
    stage = load(f"openl3/{name}")
    side, item = re.fullmatch(r"stages_(gen|ref)__(.+)\.npz", name).groups()
    [ours48] = preparation.openl3_signals(FOLDER / "audio" / side / f"{item}.wav", 1)
    again = kaiser_resample.kaiser_best(mono(stage["x44"]), 44_100, SAMPLE_RATE)
    assert np.abs(again - stage["x48"]).max() < 1e-5
    assert np.abs(ours48 - stage["x48"]).max() < 2e-5
    mel = stage["mel_db_kapre"]
    cut = np.ascontiguousarray(cut_windows(stage["x48"])[: len(mel)])
    with torch.inference_mode():
        error = np.abs(openl3_model().mel(torch.from_numpy(cut)).numpy() - mel)
    assert error[mel > -40].max() < 0.01
    assert error[mel > -50].max() < 0.05


def test_level_and_44k_of_the_sam_path():
    for name in STAGES:
        side, item = re.fullmatch(r"stages_(gen|ref)__(.+)\.npz", name).groups()
        audio = preparation.openl3_middle(FOLDER / "audio" / side / f"{item}.wav")
        golden = mono(load(f"openl3/{name}")["x44"])
        assert audio.shape[1] == len(golden)
        assert np.abs(audio.mean(axis=0) - golden).max() < 1e-5


@pytest.mark.parametrize("side,item", AUDIO)
def test_sam_path_file_to_embedding(side, item):
    sensitivity = read_json("openl3/numerical_sensitivity.json").get(f"{side}__{item}", {})
    for channels in (1, 2):
        golden = load(f"openl3/embeddings_ch{channels}.npz")[f"{side}__{item}"]
        own = sensitivity.get(f"ch{channels}_float32_port", 0.0)
        assert relative(embeddings(side, item)[channels], golden) < max(0.06, 1.5 * own)


@pytest.mark.skipif(SMALL, reason="the small set holds no OpenL3 weights")
def test_frechet_distance_from_audio():
    for name in (name for name in FRECHET_CASES if re.fullmatch(r"channels\d", name)):
        channels = int(name.removeprefix("channels"))
        pooled = [
            np.concatenate([embeddings(s, item)[channels] for s, item in AUDIO if s == side])
            for side in ("gen", "ref")
        ]
        distance = frechet.frechet_distance(*pooled)
        assert distance == pytest.approx(FRECHET[name]["fd_exact_float64"], rel=0.02)


def frechet_inputs(name: str) -> tuple[np.ndarray, np.ndarray]:
    pooled = re.fullmatch(r"channels(\d+)(?:_first(\d+)dims)?", name)
    if not pooled:
        arrays = load(f"openl3/{name}.npz")
        return arrays["gen"], arrays["ref"]
    channels, width = pooled.groups()
    arrays = load(f"openl3/embeddings_ch{channels}.npz")
    sides = ([v for k, v in arrays.items() if k.startswith(side)] for side in ("gen__", "ref__"))
    gen, ref = (np.concatenate(parts)[:, : int(width) if width else None] for parts in sides)
    return gen, ref


@pytest.mark.parametrize("name", FRECHET_CASES)
def test_frechet_distance(name):
    generated, reference = frechet_inputs(name)
    case, terms = FRECHET[name], frechet.frechet_terms(generated, reference)
    assert terms.distance == pytest.approx(case["fd_exact_float64"], rel=1e-9)
    well_posed = min(len(generated), len(reference)) > generated.shape[1]
    for key in (key for key in case if key.startswith("fd_sam_")):
        assert terms.distance == pytest.approx(case[key], rel=1e-6 if well_posed else 1e-4)
    golden = case.get("exact_terms", {})
    ours = {
        "mean_term": terms.mean_term,
        "trace_gen": terms.trace_generated,
        "trace_ref": terms.trace_reference,
        "trace_sqrt": terms.trace_root,
    }
    for key, value in golden.items():
        assert ours[key] == pytest.approx(value, rel=1e-9)
    for same in (generated, reference):
        assert abs(frechet.frechet_distance(same, same)) < 1e-6


def passt_logits() -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    arrays = load("passt_kl/logits.npz")
    sides = ({k.removeprefix(s): v for k, v in arrays.items() if k.startswith(s)}
             for s in ("gen__", "ref__"))  # fmt: skip
    gen, ref = sides
    return gen, ref


@pytest.mark.parametrize("pooling", ["mean", "max"])
def test_sam_kl(pooling):
    generated, reference = passt_logits()
    golden = read_json("passt_kl/expected.json")[f"sam_{pooling}"]
    ours = kl.clip_kl(generated, reference, pooling=pooling)
    for key, value in golden["per_item_float64"].items():
        assert ours[key] == pytest.approx(value, abs=1e-9)
        assert ours[key] == pytest.approx(golden["per_item_sam_float32"][key], abs=1e-5)
    equal = [key for key in ours if len(generated[key]) == len(reference[key])]
    means = [key for key in golden if re.fullmatch(r"mean\d+_\w+", key)]
    assert means
    for key in means:
        count = int(re.match(r"mean(\d+)", key)[1])
        chosen = list(ours) if count == len(ours) else equal
        assert len(chosen) == count
        tolerance = 1e-9 if "float64" in key else 1e-5
        assert np.mean([ours[k] for k in chosen]) == pytest.approx(golden[key], abs=tolerance)


def test_audiocraft_kl():
    golden = read_json("passt_kl/expected.json")["audiocraft"]
    generated, reference = ({k: v for k, v in side.items() if k in golden["per_item"]}
                            for side in passt_logits())  # fmt: skip
    kld = kl.segment_kl(generated, reference)
    kld_qp = kl.segment_kl(generated, reference, "generated||reference")
    for key, expected in golden["per_item"].items():
        ours = {"kld": kld.per_clip[key], "kld_qp": kld_qp.per_clip[key]}
        ours |= {"kld_pq": ours["kld"], "kld_both": ours["kld"] + ours["kld_qp"]}
        for name, value in expected.items():
            assert ours[name] == pytest.approx(value, abs=1e-5)
        assert ours["kld"] == pytest.approx(golden["float64_per_item_kld"][key], abs=1e-9)
        assert ours["kld_qp"] == pytest.approx(golden["float64_per_item_kld_qp"][key], abs=1e-9)
    whole = golden["over_all_segments"]
    assert sum(kld.weights.values()) == golden["n_segments"]
    assert kld.mean == pytest.approx(whole["kld"], abs=1e-5)
    assert kld.mean == pytest.approx(golden["float64_over_all_segments_kld"], abs=1e-9)
    assert kld_qp.mean == pytest.approx(golden["float64_over_all_segments_kld_qp"], abs=1e-9)
    assert kld.mean + kld_qp.mean == pytest.approx(whole["kld_both"], abs=1e-5)
    per_clip = np.mean(list(kld.per_clip.values()))
    assert per_clip == pytest.approx(golden["mean_of_item_values_kld"], abs=1e-9)


def test_usual_mistakes_give_other_numbers():
    mistakes = read_json("passt_kl/expected.json")["mixed_up_variants"]
    generated, reference = passt_logits()
    keys = [key for key in generated if len(generated[key]) == len(reference[key])]
    gen, ref = ({k: side[k] for k in keys} for side in (generated, reference))
    swapped = np.mean(list(kl.clip_kl(gen, ref, "reference||generated").values()))
    assert swapped == pytest.approx(mistakes["sam_direction_swapped"], abs=1e-9)
    right = np.mean(list(kl.clip_kl(gen, ref).values()))
    for value in (v for v in mistakes.values() if not isinstance(v, str)):
        assert abs(right - value) > 1e-3


def by_duration(name: str) -> dict[int, list[dict]]:
    clips: dict[int, list[dict]] = {}
    for window in read_json(name)["windows"]:
        clips.setdefault(window["n_samples"], []).append(window)
    return clips


def as_golden(cut: list[windows.TokenWindow]) -> list[tuple[int, int, int, int]]:
    return [(w.start, w.end, w.zeros, len(w.cut(np.zeros(w.end)))) for w in cut]


def golden_windows(expected: list[dict]) -> list[tuple[int, int, int, int]]:
    fields = ("start", "end", "zero_padding", "length_fed")
    return [tuple(window[field] for field in fields) for window in expected]


def test_sam_windows():
    rate = read_json("passt_kl/windows_sam.json")["sample_rate"]
    for samples, expected in by_duration("passt_kl/windows_sam.json").items():
        assert as_golden(windows.sam_windows(samples, rate)) == golden_windows(expected)


@pytest.mark.parametrize("name", AUDIOCRAFT_WINDOWS)
def test_audiocraft_windows(name):
    golden = read_json(f"passt_kl/{name}")
    rate, longest, shortest = (
        golden[key] for key in ("sample_rate", "max_duration_s", "min_duration_s")
    )
    for samples, expected in by_duration(f"passt_kl/{name}").items():
        cut = windows.audiocraft_windows(samples, rate, longest, shortest)
        assert as_golden(cut) == golden_windows(expected)


@pytest.mark.skipif(SMALL, reason="the small set holds no real probabilities")
def test_kl_over_real_probabilities():
    probs = load("real_kl/song_describer_passt_probs.npz")["probs"]
    rolled, golden = load("real_kl/rolled_kl.npz"), read_json("real_kl/expected.json")
    ours = kl.directed_kl(probs[rolled["perm"]], probs, "generated||reference")
    assert len(ours) == golden["n"]
    assert np.abs(ours - rolled["kl_sam_float32"]).max() < 2e-6
    assert np.abs(ours - rolled["kl_float64"]).max() < 1e-10
    assert ours.mean() == pytest.approx(golden["mean_sam_float32_sequential_sum"], abs=1e-6)
    assert ours.mean() == pytest.approx(golden["mean_float64"], abs=1e-10)
    reverse = kl.directed_kl(probs[rolled["perm"]], probs, "reference||generated")
    assert reverse.mean() == pytest.approx(golden["reverse_direction_mean_float64"], abs=1e-10)
    assert kl.kl(probs, probs).mean() == pytest.approx(golden["self_kl_mean_float64"], abs=1e-10)


@cache
def tagger() -> MusicNN:
    return MusicNN()


@pytest.mark.parametrize("item", sorted(read_json("musicnn/meta.json")["files"]))
def test_musicnn(item):
    golden, meta = load("musicnn/expected.npz"), read_json("musicnn/meta.json")
    audio = preparation.musicnn_signal(FOLDER / "audio" / "gen" / f"{item}.wav")
    logmel = golden[f"{item}__logmel_f32"][0]
    assert np.abs(musicnn.log_mel(audio)[: len(logmel)] - logmel).max() < 1e-4
    assert list(tagger().names) == meta["tags"]
    for framing, facts in meta["files"][item].items():
        assert facts["patch_frames"] == musicnn.PATCH_FRAMES
        heard = tagger().hear(audio, facts["hop_frames"])
        assert heard.starts.tolist() == facts["starts"]
        tags = golden[f"{item}__{framing}__tags_f32mel"]
        assert np.abs(heard.tags - tags).max() < 1e-5
        check_penultimate(heard.penultimate, golden[f"{item}__{framing}__penultimate_f32mel"], tags)


def check_penultimate(ours: np.ndarray, golden: np.ndarray, tags: np.ndarray) -> None:
    """The original's extractor repeats the FIRST patch's penultimate for every later patch (it
    appends the array of the first batch), although the tags go on. Rows that repeat the first
    while their tags differ from it are that fault; there the tags vouch for our rows."""
    repeats = (golden == golden[0]).all(axis=1) & (tags != tags[0]).any(axis=1)
    assert relative(ours[~repeats], golden[~repeats]) < 1e-5
    with torch.inference_mode():
        again = torch.sigmoid(tagger().network.output(torch.from_numpy(ours))).numpy()
    assert np.abs(again - tags).max() < 1e-5


def test_clap_cosine():
    arrays, golden = load("clap/embeddings.npz"), read_json("clap/expected.json")
    ours = cosines(arrays["audio"], arrays["text"])
    assert len(ours) == golden["n"]
    assert np.abs(ours - arrays["cosine_float64"]).max() < 1e-12
    assert ours.mean() == pytest.approx(golden["mean_cosine_float64"], abs=1e-12)
    assert ours.mean() == pytest.approx(golden["clap_score_sam_float32"], abs=1e-6)


def test_clap_preprocessing():
    arrays, golden = load("clap/preprocessed.npz"), read_json("clap/expected.json")
    ours = preparation.clap_signal(FOLDER / golden["audio_file"])
    assert list(ours[None].shape) == golden["preprocessed_shape"]
    steps = np.rint(ours * preparation.INT16_MAX).astype(np.int64) - arrays["int16"]
    assert np.abs(steps).max() <= 1
    assert np.mean(steps != 0) < 0.01
    assert np.abs(ours - arrays["x"][0]).max() < 1.5 / preparation.INT16_MAX
