"""A reference as statistics, no reference at all, slices, pairs of systems, and Parquet."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from core.errors import InputError
from evaluation import score
from evaluation.__main__ import main
from evaluation.benchmark.sets.reference_statistics import ReferenceStatistics
from evaluation.benchmark.sets.slices import length_of, values_of
from evaluation.datasets import Item, audio_files_of, read_captioned_folder
from evaluation.datasets.table import read_rows
from evaluation.embeddings import OpenL3Embedding
from evaluation.metrics import frechet_distance
from evaluation.metrics.frechet_blocks import BlockSums, block_distances
from evaluation.suite import FrechetDistance, MetricData
from evaluation.suite.recipes import MUSICNN

RATE, SECONDS, CLIPS = 16000, 3.2, 16


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """16 real clips and those of two systems, half of them rock."""
    made = tmp_path_factory.mktemp("sets")
    draw, times = np.random.default_rng(0), np.arange(round(RATE * SECONDS)) / RATE
    rows = []
    for side, noise in (("real", 0.02), ("near", 0.03), ("far", 0.3)):
        (made / side).mkdir()
        for n in range(CLIPS):
            wave = 0.2 * np.sin(2 * np.pi * (200 + 30 * n) * times)
            wave += noise * draw.normal(size=len(times))
            soundfile.write(made / side / f"{n}.wav", wave, RATE)
    for n in range(CLIPS):
        genre = "rock" if n % 2 else "jazz"
        rows.append(
            {"id": str(n), "caption": genre, "genre": genre, "aspects": f"['a', '{n % 4}']"}
        )
    pd.DataFrame(rows).to_csv(made / "captions.csv", index=False)
    return made


def test_one_command_scores_slices_pairs_and_writes_latex(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(
        ["score", "--generated", str(folders / "near"), str(folders / "far"), "--reference",
         str(folders / "real"), "--captions", str(folders / "captions.csv"), "--recipe", "offline",
         "--out", str(tmp_path), "--slice-by", "genre", "--slice-by", "length", "--pairs",
         "--caption", "Objective results.", "--label", "tab:objective"]
    )  # fmt: skip
    assert code == 0
    shown = capsys.readouterr().out
    assert "by genre" in shown and "by length" in shown and "p (Holm)" in shown
    latex = (tmp_path / "offline" / "report.tex").read_text()
    assert r"\caption{Objective results.}" in latex and r"\label{tab:objective}" in latex
    assert r"\label{tab:objective-2}" in latex and r"\columnwidth" in latex
    assert r"\mathbf" in latex
    stored = json.loads((tmp_path / "offline" / "results.json").read_text())
    slices = stored["systems"][0]["slices"]
    assert [(one["column"], one["value"], one["items"]) for one in slices] == [
        ("genre", "jazz", 8), ("genre", "rock", 8), ("length", "0 to 5 s", 16),
    ]  # fmt: skip
    whole = {one["name"]: one["estimate"] for one in stored["systems"][0]["metrics"]}
    of_all = {one["name"]: one["estimate"] for one in slices[2]["metrics"]}
    assert of_all == pytest.approx(whole)


def test_a_slice_s_numbers_are_those_of_its_items_alone(folders: Path, tmp_path: Path) -> None:
    found = score(
        folders / "near", folders / "real", folders / "captions.csv",
        slices=("genre",), out=tmp_path / "a",
    ).table  # fmt: skip
    rows = pd.read_csv(folders / "captions.csv")
    rows[rows.genre == "rock"].to_csv(tmp_path / "rock.csv", index=False)
    alone = score(folders / "near", folders / "real", tmp_path / "rock.csv", out=tmp_path / "b")
    part = found[found["slice"] == "genre = rock"].set_index("metric")
    for row in alone.table.itertuples():
        assert part.value[row.metric] == pytest.approx(row.value), row.metric
        assert part.low[row.metric] == pytest.approx(row.low), row.metric
    with pytest.raises(InputError, match="is no column of the table; it has aspects, genre"):
        score(folders / "near", folders / "real", folders / "captions.csv", slices=("mood",),
              out=tmp_path / "c")  # fmt: skip


def test_values_of_cells_and_lengths() -> None:
    assert values_of("['low quality', 'jazz', 'jazz']") == ["low quality", "jazz"]
    assert values_of('["a", "b"]') == ["a", "b"]
    assert values_of("rock ") == ["rock"] and values_of("") == []
    assert values_of("[broken") == ["[broken"]
    assert [length_of(s) for s in (3, 10, 59.9, 60, 300)] == [
        "0 to 5 s", "5 to 15 s", "30 to 60 s", "60 s and more", "60 s and more",
    ]  # fmt: skip


def test_statistics_stand_for_the_reference_s_audio(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stats = tmp_path / "stats.npz"
    assert main(["reference", str(folders / "real"), str(stats), "--recipe", "offline"]) == 0
    assert "FD-musicnn: 16 of 16 clips" in capsys.readouterr().out
    known = score(folders / "near", stats, folders / "captions.csv", out=tmp_path / "a")
    real = score(folders / "near", folders / "real", folders / "captions.csv", out=tmp_path / "b")
    assert list(known.table.metric) == ["FD-musicnn"]
    values = [one.table.set_index("metric").value["FD-musicnn"] for one in (known, real)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    row = known.table.iloc[0]
    assert row.low < row.value < row.high and "held fixed" in row.note
    [system] = known.result.systems
    assert any(line.startswith("KAD-musicnn: left out") for line in system.problems)
    assert not any("differ" in line for line in system.problems)  # there is nothing to differ from


def test_statistics_of_other_weights_are_refused(folders: Path, tmp_path: Path) -> None:
    stats = tmp_path / "stats.npz"
    main(["reference", str(folders / "real"), str(stats), "--recipe", "offline"])
    with pytest.raises(InputError, match="were made with other weights"):
        ReferenceStatistics.read(stats).of(MUSICNN, "0" * 64)


def test_stable_audio_metrics_files_are_read(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    real, own = (generator.normal(size=(60, 1024)) for _ in range(2))
    np.savez(tmp_path / "sam.npz", mu_ref=real.mean(axis=0), sigma_ref=np.cov(real, rowvar=False))
    stored = ReferenceStatistics.read(tmp_path / "sam.npz")
    found = stored.of(OpenL3Embedding(), "any")
    assert found is not None
    items = tuple(Item(str(n), "", None, str(n)) for n in range(6))
    arrays = {str(n): {"frames": own[10 * n : 10 * n + 10]} for n in range(6)}
    data = MetricData(items, arrays, statistics=found.moments)
    [result] = FrechetDistance("FD-openl3", OpenL3Embedding()).score(data)
    assert result.estimate == pytest.approx(frechet_distance(own, real), rel=1e-5)
    assert result.low is None and "no interval below 8 clips" in result.note
    assert stored.of(MUSICNN, "any") is None


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"mu": np.zeros(3)}, "make it with python -m evaluation reference"),
        ({"mu_ref": np.zeros(3), "sigma_ref": np.zeros((4, 4))}, "mean"),
        ({"mu_ref": np.full(2, np.nan), "sigma_ref": np.eye(2)}, "not finite"),
    ],
)
def test_other_arrays_are_no_statistics(tmp_path: Path, arrays: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        ReferenceStatistics.read(tmp_path / "a.npz")
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="pickle"):
        ReferenceStatistics.read(tmp_path / "a.pkl")


def test_what_needs_no_reference_is_measured_without(folders: Path, tmp_path: Path) -> None:
    found = score(folders / "near", recipe="musicality", out=tmp_path)
    assert {"in tune", "pulse"} <= set(found.table.metric)
    [system] = found.result.systems
    assert any(line.startswith("note F1: left out") for line in system.problems)
    with pytest.raises(InputError, match="name a folder"):
        score(folders / "near", recipe="offline", out=tmp_path)


def test_the_distance_to_fixed_moments_is_the_distance_to_the_clips() -> None:
    generator = np.random.default_rng(2)
    own, real = ([generator.normal(size=(5, 4)) for _ in range(20)] for _ in range(2))
    whole = BlockSums(real, np.zeros(20, int)).moments()
    sums = BlockSums(own, np.arange(20))
    estimate, without = block_distances(sums, whole)
    assert estimate == pytest.approx(frechet_distance(np.concatenate(own), np.concatenate(real)))
    left = np.concatenate(own[1:])
    assert without[0] == pytest.approx(frechet_distance(left, np.concatenate(real)))


@pytest.fixture
def parquet_folder(tmp_path: Path) -> Path:
    """As `datasets` writes a split with an audio column."""
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    sounds = []
    for n in range(3):
        buffer = io.BytesIO()
        wave = 0.1 * np.sin(np.arange(8000) * (n + 1) / 20)
        soundfile.write(buffer, wave, 8000, format="FLAC")
        sounds.append({"bytes": buffer.getvalue(), "path": f"clip {n}.flac"})
    table = pyarrow.table(
        {"audio": sounds, "text": [f"caption {n}" for n in range(3)], "genre": ["a", "b", "a"]}
    )
    (tmp_path / "set" / "data").mkdir(parents=True)
    parquet.write_table(table, tmp_path / "set" / "data" / "train-00000-of-00001.parquet")
    return tmp_path / "set"


def test_a_folder_of_datasets_is_read_with_its_audio(
    parquet_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "work"))
    audio = audio_files_of(parquet_folder)
    assert sorted(path.name for path in audio.glob("*.flac")) == [
        f"clip {n}.flac" for n in range(3)
    ]
    dataset = read_captioned_folder(parquet_folder, audio)
    assert [(item.id, item.caption) for item in dataset.items] == [
        (f"clip {n}", f"caption {n}") for n in range(3)
    ]
    assert all(item.reference for item in dataset.items)
    assert dataset.items[1].details["genre"] == "b"
    assert audio_files_of(parquet_folder) == audio and audio_files_of(audio) == audio


def test_arrow_streams_and_broken_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"id": ["a", "b"], "caption": ["one", "two"]})
    with pyarrow.ipc.new_stream(tmp_path / "data-00000-of-00001.arrow", table.schema) as writer:
        writer.write_table(table)
    rows = read_rows(tmp_path, {"id": ("id",), "caption": ("caption",)})
    assert [row["caption"] for row in rows] == ["one", "two"]
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match="cannot be read"):
        read_rows(tmp_path / "broken.parquet", {"id": ("id",)})
