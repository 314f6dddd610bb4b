"""Problems between two folders are caught and named."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from evaluation.datasets import (
    check_comparison,
    check_unique,
    inspect_folder,
    load_reference_arrays,
    read_manifest,
    refuse,
    write_manifest,
)


@pytest.fixture
def sides(tmp_path):
    """Two folders of three good clips each."""
    generator = np.random.default_rng(0)
    folders = tmp_path / "generated", tmp_path / "reference"
    for folder in folders:
        folder.mkdir()
        for name in ("a", "b", "c"):
            audio = generator.normal(0, 0.1, 2 * 48_000).astype(np.float32)
            soundfile.write(folder / f"{name}.wav", audio, 48_000)
    return folders


def names(generated, reference, ids=("a", "b", "c"), **options):
    found = check_comparison(
        inspect_folder(generated, ids), inspect_folder(reference, ids), **options
    )
    return {problem.name: problem for problem in found}


def test_good_folders_have_no_problems(sides):
    assert names(*sides) == {}
    report = inspect_folder(sides[0])
    assert (report.sample_rates(), report.channel_counts()) == ({48_000: 3}, {1: 3})
    assert report.durations() == {2: 3}


def test_too_short_counts_what_is_heard(sides):
    """Files of 2 s are long enough, but not after a prompt of 1 s that is not heard."""
    assert names(*sides, shortest=1.5) == {}
    found = names(*sides, shortest=1.5, begins=(1.0, 0.0))
    assert found["too short"].side == "generated" and len(found["too short"].ids) == 3
    assert "after the first 1 s" in found["too short"].message


def test_swapped_folders_are_refused_where_a_manifest_tells(sides):
    generated, reference = sides
    write_manifest(inspect_folder(generated), "generated", {"seed": "7"})
    assert read_manifest(generated).made_with == {"seed": "7"}
    assert names(generated, reference) == {}
    problems = names(reference, generated)
    assert problems["swapped sides"].side == "reference"
    with pytest.raises(InputError, match="swap the folders"):
        refuse(list(problems.values()))
    refuse(list(problems.values()), forced=True)


def test_other_manifests_are_left_alone_and_damaged_ones_named(sides):
    (sides[0] / "manifest.json").write_text('{"name": "a web app"}')
    assert read_manifest(sides[0]) is None
    (sides[0] / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="damaged"):
        read_manifest(sides[0])


def test_files_changed_since_the_manifest_are_mentioned(sides):
    generated, reference = sides
    write_manifest(inspect_folder(generated), "generated", {})
    soundfile.write(generated / "b.wav", np.full(96_000, 0.1), 48_000)
    assert names(generated, reference)["changed files"].ids == ("b",)


def test_rate_channels_and_lossy_differences_are_mentioned(sides):
    generated, reference = sides
    soundfile.write(generated / "a.wav", np.full((48_000, 2), 0.1), 24_000)
    (reference / "b.wav").unlink()
    soundfile.write(reference / "b.mp3", np.full(2 * 48_000, 0.1), 48_000)
    problems = names(generated, reference)
    assert "24000: 1" in problems["sample rates differ"].message
    assert "2: 1" in problems["channels differ"].message
    assert problems["lossy file"].ids == ("b",)
    assert {p.consequence for p in problems.values()} == {"mention"}


def test_silent_short_broken_and_missing_files_are_excluded(sides):
    generated, reference = sides
    soundfile.write(generated / "a.wav", np.zeros(2 * 48_000), 48_000)
    soundfile.write(generated / "b.wav", np.full(48_000, 0.1), 48_000)
    (reference / "c.wav").write_bytes(b"RIFF nothing")
    ids = ("a", "b", "c", "d")
    problems = names(generated, reference, ids)
    assert problems["silent file"].ids == ("a",)
    assert problems["too short"].ids == ("b",)
    assert problems["undecodable file"].ids == ("c",)
    assert problems["missing file"].ids == ("d",)
    assert {problem.consequence for problem in problems.values()} == {"exclude"}
    assert "too short" not in names(generated, reference, ids, shortest=0.5)


def test_the_same_file_on_both_sides_is_refused(sides):
    generated, reference = sides
    (generated / "a.wav").write_bytes((reference / "a.wav").read_bytes())
    assert names(generated, reference)["identical files"].consequence == "refuse"


def test_repeated_ids_and_separators_are_refused(sides):
    with pytest.raises(InputError, match="more than once"):
        check_unique(["a", "a"])
    for bad in ("../a", "x/y", "x\\y"):
        with pytest.raises(InputError, match="no / or"):
            inspect_folder(sides[0], [bad])


def test_pickles_are_refused_by_name_and_by_content(tmp_path):
    for name in ("probs.pkl", "probs.npz"):
        (tmp_path / name).write_bytes(pickle.dumps({"a": 1}))
        with pytest.raises(InputError, match="pickle"):
            load_reference_arrays(tmp_path / name)
    np.savez(tmp_path / "objects.npz", a=np.array([{"x": 1}], dtype=object))
    with pytest.raises(InputError, match="plain arrays"):
        load_reference_arrays(tmp_path / "objects.npz")
    np.savez(tmp_path / "good.npz", a=np.ones(3))
    assert load_reference_arrays(tmp_path / "good.npz")["a"].sum() == 3
