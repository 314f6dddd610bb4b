"""Clips: equal in everything but the music."""

from __future__ import annotations

import wave

import numpy as np
import pyloudnorm
import pytest
import soundfile

from core.errors import InputError
from evaluation.listening.checks.sample_study import write_clips, write_sample_study
from evaluation.listening.clips.preparation import prepare, read_prepared


def samples(prepared, record):
    return soundfile.read(prepared.folder / "clips" / record.name)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("study")
    write_clips(folder / "real", [f"item-{i:02}" for i in range(4)], 48000, 2.0, 0.3)
    study = write_sample_study(
        folder,
        systems=3,
        items=4,
        trials=6,
        clip={"seconds": 1.0, "sample_rate": 48000, "fade": 0.02, "channels": 2},
        controls={"anchors": 1, "references": 1, "reference": "real", "attention": 1},
    )
    return study, prepare(study, folder / "prepared")


def test_every_clip_has_one_format_length_and_loudness(made):
    study, prepared = made
    formats, loudness = set(), []
    for record in prepared.clips:
        path = prepared.folder / "clips" / record.name
        with wave.open(str(path)) as file:
            formats.add((file.getparams()[:4], path.stat().st_size, path.stat().st_mtime))
        audio, rate = samples(prepared, record)
        loudness.append(pyloudnorm.Meter(rate).integrated_loudness(audio))
    assert formats == {((2, 2, 48000, 48000), 44 + 4 * 48000, 946684800.0)}
    assert np.ptp(loudness) < 0.1
    assert abs(np.mean(loudness) - prepared.target) < 0.1


def test_gain_is_logged(made):
    _, prepared = made
    for record in prepared.clips:
        assert record.loudness + record.gain_db == pytest.approx(prepared.target)
        assert record.peak <= 10 ** (-1 / 20) + 1e-9


def test_ends_are_faded(made):
    _, prepared = made
    for record in prepared.clips:
        audio, _ = samples(prepared, record)
        assert abs(audio[0]).max() < 1e-3 and abs(audio[-1]).max() < 1e-3


def test_the_anchor_is_the_reference_without_its_highs(made):
    _, prepared = made
    anchor = prepared.of_kind("anchor")[0]
    reference = next(r for r in prepared.of_kind("reference") if r.item == anchor.item)

    def highs(record):
        spectrum = np.abs(np.fft.rfft(samples(prepared, record)[0][:, 0])) ** 2
        return spectrum[5000:].sum() / spectrum.sum()  # above 5 kHz: 1 Hz a bin

    assert highs(anchor) < 1e-6 < 1e-2 < highs(reference)


def test_beeps_can_be_counted(made):
    study, prepared = made
    checks = prepared.of_kind("attention")
    assert [record.item for record in checks] == ["1", "2", "3", "4", "5"]
    for record in checks:
        loud = np.abs(samples(prepared, record)[0][:, 0]) > 1e-3
        quiet_run = 48000 // 50  # a gap between beeps is longer than a period of the tone
        starts = [i for i in np.flatnonzero(loud) if not loud[max(0, i - quiet_run) : i].any()]
        assert len(starts) == int(record.item)


def test_a_second_time_gives_the_same_names(made):
    study, prepared = made
    assert prepare(study, prepared.folder) == prepared == read_prepared(study, prepared.folder)


def test_other_sound_under_a_started_study_is_refused(tmp_path):
    study = write_sample_study(tmp_path, systems=2, items=2, trials=2)
    prepare(study, tmp_path / "prepared")
    write_clips(tmp_path / "system-a", ["item-00"], 16000, 2.0, 0.4)
    with pytest.raises(InputError, match="other sound"):
        prepare(study, tmp_path / "prepared")
    (
        tmp_path / "prepared" / "clips" / read_prepared(study, tmp_path / "prepared").clips[0].name
    ).unlink()
    with pytest.raises(InputError, match="gone"):
        read_prepared(study, tmp_path / "prepared")


@pytest.mark.parametrize(
    "one, other", [("system-a", "system-b"), ("system-a/item-00.wav", "system-a/item-01.wav")]
)
def test_the_same_sounds_under_other_names_are_refused(tmp_path, one, other):
    study = write_sample_study(tmp_path, systems=2, items=2, trials=2)
    prepare(study, tmp_path / "prepared")
    (tmp_path / one).rename(tmp_path / "aside")
    (tmp_path / other).rename(tmp_path / one)
    (tmp_path / "aside").rename(tmp_path / other)
    with pytest.raises(InputError, match="other sound"):
        prepare(study, tmp_path / "prepared")


@pytest.mark.parametrize(
    "audio, hint", [(np.zeros(32000), "silent"), (np.full(800, 0.1), "cut less")]
)
def test_a_clip_that_cannot_be_made_is_named_and_leaves_nothing(tmp_path, audio, hint):
    study = write_sample_study(tmp_path, systems=2, items=2, trials=2)
    soundfile.write(tmp_path / "system-b" / "item-01.wav", audio, 16000)
    with pytest.raises(InputError, match=hint) as error:
        prepare(study, tmp_path / "prepared")
    assert "item-01.wav" in str(error.value)
    assert not (tmp_path / "prepared").exists()


def test_what_is_no_sound_or_missing_is_named(tmp_path):
    study = write_sample_study(tmp_path, systems=2, items=2, trials=2)
    (tmp_path / "system-b" / "item-01.wav").write_text("no sound")
    with pytest.raises(InputError, match="not sound"):
        prepare(study, tmp_path / "prepared")
    (tmp_path / "system-b" / "item-01.wav").unlink()
    with pytest.raises(InputError, match="1 of 2 missing"):
        prepare(study, tmp_path / "prepared")


@pytest.mark.parametrize("files", ["new", "whole"])
def test_a_continuation_is_heard_after_the_end_of_its_prompt(tmp_path, files):
    rate = 16000
    random = np.random.default_rng(5)
    prompt, new = random.normal(0, 0.1, 3 * rate), random.normal(0, 0.1, 2 * rate)
    for name in ("prompts", "system-a", "system-b"):
        (tmp_path / name).mkdir()
    soundfile.write(tmp_path / "prompts" / "item-00.wav", prompt, rate, subtype="FLOAT")
    study = write_sample_study(
        tmp_path,
        systems=2,
        items=1,
        trials=2,
        task="continuation",
        continuation={"prompts": "prompts", "prompt_seconds": 2.0, "files": files},
    )
    whole = np.concatenate([prompt, new]) if files == "whole" else new
    soundfile.write(tmp_path / "system-a" / "item-00.wav", whole, rate, subtype="FLOAT")
    if files == "whole":
        soundfile.write(tmp_path / "system-b" / "item-00.wav", whole, rate, subtype="FLOAT")
    prepared = prepare(study, tmp_path / "prepared")
    record = next(r for r in prepared.clips if r.system == "system-a")
    (before,) = prepared.of_kind("prompt")
    first, second = (samples(prepared, one)[0] for one in (before, record))
    assert len(first) + len(second) == 3 * rate == study.clip_seconds * rate
    for heard, sound, one in ((first, prompt[rate:], before), (second, new[:rate], record)):
        expected = sound * 10 ** (one.gain_db / 20)
        np.testing.assert_allclose(heard[200:-200], expected[200:-200], atol=2e-4)


def write_whole_study(folder, own_prompts):
    """A continuation study of one item whose files hold prompts at levels of their own.

    Args:
        own_prompts: system -> (factor of the whole file, of its prompt, of its new part).
    """
    rate, random = 16000, np.random.default_rng(5)
    prompt, new = random.normal(0, 0.1, 3 * rate), random.normal(0, 0.1, 2 * rate)
    for name in ("prompts", *own_prompts):
        (folder / name).mkdir()
    soundfile.write(folder / "prompts" / "item-00.wav", prompt, rate, subtype="FLOAT")
    study = write_sample_study(
        folder,
        systems=len(own_prompts),
        items=1,
        trials=1,
        task="continuation",
        continuation={"prompts": "prompts", "prompt_seconds": 2.0, "files": "whole"},
    )
    for name, (all_of_it, of_prompt, of_new) in own_prompts.items():
        whole = all_of_it * np.concatenate([of_prompt * prompt, of_new * new])
        soundfile.write(folder / name / "item-00.wav", whole, rate, subtype="FLOAT")
    return study


def step_at_the_join(prepared, system):
    """Level of the new part over that of the prompt, in dB."""
    record = next(r for r in prepared.of_kind("main") if r.system == system)
    (prompt,) = prepared.of_kind("prompt")
    heard = [samples(prepared, one)[0][200:-200] for one in (prompt, record)]
    levels = [np.sqrt(np.mean(part**2)) for part in heard]
    return 20 * np.log10(levels[1] / levels[0])


def test_the_level_of_a_whole_file_makes_no_step_at_the_join(tmp_path):
    study = write_whole_study(
        tmp_path, {"system-a": (0.35, 1, 1), "system-b": (0.35, 1, 0.5), "system-c": (1, 0, 1)}
    )
    prepared = prepare(study, tmp_path / "prepared")
    assert step_at_the_join(prepared, "system-a") == pytest.approx(0, abs=0.2)
    assert step_at_the_join(prepared, "system-b") == pytest.approx(-6, abs=0.3)  # its own music
    assert step_at_the_join(prepared, "system-c") == pytest.approx(0, abs=0.2)  # prompt is silent
    joins = {record.system: record.join_db for record in prepared.of_kind("main")}
    assert joins["system-a"] == pytest.approx(-20 * np.log10(0.35), abs=0.01)
    assert joins["system-c"] == 0
    assert prepared == read_prepared(study, prepared.folder)
