"""Every usual mistake is named by `score`, and none changes a mean silently."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.__main__ import main
from evaluation.benchmark import RunResult
from trainers.__main__ import main as trainers

RATE = 48_000
GOOD = ("one", "two", "three")
SPOILT = ("silent", "short", "missing", "broken")


def sound(seed: int, seconds: float = 4.0) -> np.ndarray:
    """A tone that comes and goes, with noise: [samples]."""
    draw = np.random.default_rng(seed)
    times = np.arange(round(RATE * seconds)) / RATE
    tone = np.sign(np.sin(2 * np.pi * (110 + 40 * seed) * times)) * (np.sin(4 * times) > 0)
    return (0.2 * tone + 0.05 * draw.normal(size=len(times))).astype(np.float32)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Good clips of seven items on both sides, and captions."""
    made = tmp_path_factory.mktemp("clips")
    for side in ("real", "ours"):
        (made / side).mkdir()
        for number, name in enumerate(GOOD + SPOILT):
            wave = sound(number + 10 * (side == "ours"))
            soundfile.write(made / side / f"{name}.wav", wave, RATE)
    captions(made / "captions.csv", GOOD + SPOILT)
    captions(made / "good.csv", GOOD)
    return made


def captions(path: Path, ids: tuple[str, ...]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "caption"])
        writer.writerows([name, f"a tone called {name}"] for name in ids)


@pytest.fixture(autouse=True)
def _own_work(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path_factory.getbasetemp() / "problems-work"))


def score(ours: Path, real: Path, table: Path, out: Path, *more: str) -> int:
    return main(
        [
            "score",
            "--generated",
            str(ours),
            "--reference",
            str(real),
            "--captions",
            str(table),
            "--recipe",
            "offline",
            "--out",
            str(out),
            "--playable",
            "0",
            *more,
        ]
    )


def test_unusable_files_are_named_and_leave_the_mean_of_the_others(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    ours = tmp_path / "ours"
    shutil.copytree(folders / "ours", ours)
    soundfile.write(ours / "silent.wav", np.zeros(4 * RATE), RATE)
    soundfile.write(ours / "short.wav", sound(1, 0.5), RATE)
    (ours / "missing.wav").unlink()
    (ours / "broken.wav").write_bytes(b"RIFF nothing")
    spoilt = (ours, folders / "real", folders / "captions.csv", tmp_path / "spoilt")
    assert score(*spoilt) == 2
    assert "3 of 7" in capsys.readouterr().err
    assert score(*spoilt, "--incomplete") == 0
    said = capsys.readouterr().out
    for name, item in (
        ("silent file", "silent"),
        ("too short", "short"),
        ("missing file", "missing"),
        ("undecodable file", "broken"),
    ):
        assert f"{name} (generated, exclude) [1: {item}]" in said
    assert "INCOMPLETE" in said
    [spoilt_system] = RunResult.read(tmp_path / "spoilt" / "offline").systems
    assert set(spoilt_system.missing) == set(SPOILT)
    assert score(folders / "ours", folders / "real", folders / "good.csv", tmp_path / "good") == 0
    [good] = RunResult.read(tmp_path / "good" / "offline").systems
    for metric in good.metrics:
        assert spoilt_system.metric(metric.name).estimate == pytest.approx(metric.estimate)


def test_differing_formats_are_named_on_the_page_and_in_the_terminal(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    ours, real = tmp_path / "ours", tmp_path / "real"
    for side in (ours, real):
        side.mkdir()
        for name in GOOD:
            shutil.copy(folders / side.name / f"{name}.wav", side / f"{name}.wav")
    wave = soundfile.read(ours / "one.wav")[0]
    soundfile.write(ours / "one.wav", np.stack([wave, wave], 1), RATE)  # stereo against mono
    soundfile.write(ours / "two.wav", sound(11)[::2], RATE // 2)  # 24 kHz against 48 kHz
    soundfile.write(real / "three.mp3", soundfile.read(real / "three.wav")[0], RATE)
    (real / "three.wav").unlink()
    assert score(ours, real, folders / "good.csv", tmp_path / "out") == 0
    said = capsys.readouterr().out
    page = (tmp_path / "out" / "offline" / "index.html").read_text(encoding="utf-8")
    for problem in (
        "channels differ (both, mention): generated 1: 2, 2: 1",
        "sample rates differ (both, mention): generated 24000: 1, 48000: 2",
        "lossy file (reference, mention) [1: three]",
    ):
        assert problem in said and problem in page
    assert "scored: generated whole, real clip whole" in page


def test_ids_that_leave_their_folder_are_refused(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    captions(tmp_path / "captions.csv", ("one", "../captions"))
    assert (
        score(folders / "ours", folders / "real", tmp_path / "captions.csv", tmp_path / "out") == 2
    )
    line = capsys.readouterr().err.splitlines()[-1]
    assert "../captions" in line and "no / or" in line


def test_weights_by_path_belong_to_the_recipe(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    given = (folders / "ours", folders / "real", folders / "good.csv", tmp_path / "out")
    for weights, named in (
        ("musicnn", "write MODEL=FILE"),
        (f"musicnn={tmp_path}", str(tmp_path)),
        ("openl3=x.h5", "offline has musicnn"),
    ):
        assert score(*given, "--weights", weights) in (1, 2)
        assert named in capsys.readouterr().err.splitlines()[-1]


def test_where_nothing_is_left_the_reason_is_named(
    folders: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    ours = tmp_path / "ours"
    ours.mkdir()
    for name in GOOD:
        soundfile.write(ours / f"{name}.wav", sound(1, 2.0), RATE)
    assert score(ours, folders / "real", folders / "good.csv", tmp_path / "out") == 2
    assert "nothing to average: too short" in capsys.readouterr().err


@pytest.mark.parametrize("room", ["evaluation", "trainers"])
def test_a_place_that_cannot_be_written_is_named(
    room: str,
    folders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    (tmp_path / "file").write_text("no folder")
    commands = {
        "evaluation": lambda: score(
            folders / "ours", folders / "real", folders / "good.csv", tmp_path / "file" / "out"
        ),
        "trainers": lambda: trainers(
            ["corpus", "--out", str(tmp_path / "file" / "out"), "--pieces", "1"]
        ),
    }
    assert commands[room]() == 1
    assert f"file or folder {tmp_path / 'file'}" in capsys.readouterr().err.replace("/out", "")
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "file"))
    assert main(["nano", "--help"]) == 2
    assert "STUDIO_WORK" in capsys.readouterr().err
