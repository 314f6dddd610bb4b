"""Files that cannot be used are named; the rest goes on."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evaluation.benchmark import DatasetChoice, Plan, System, Task, preflight
from evaluation.benchmark.sets.paired_sets import pair_sets
from evaluation.datasets import read_captioned_folder
from evaluation.suite import recipe
from tests.evaluation.test_wild_layouts import FFMPEG, RATE, sound

WHOLE = slice(None)
STEREO = np.stack([sound(), -sound()], axis=1)


def _wav(samples: np.ndarray, subtype: str = "FLOAT", rate: int = RATE) -> Callable[[Path], None]:
    return lambda path: soundfile.write(path, samples, rate, subtype=subtype, format="WAV")


def _bytes(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def _header(
    rate: int, channels: int = 1, frames: int = 60_000, claimed: int | None = None
) -> bytes:
    data = np.zeros(frames * channels, "<i2").tobytes() if frames else b""
    size = len(data) if claimed is None else claimed
    block = 2 * channels
    return (
        b"RIFF"
        + struct.pack("<I", 36 + size)
        + b"WAVEfmt "
        + struct.pack("<IHHIIHH", 16, 1, channels, rate, rate * block, block, 16)
        + b"data"
        + struct.pack("<I", size)
        + data
    )


def _with(value: float, at: slice) -> np.ndarray:
    samples = sound()
    samples[at] = value
    return samples


BAD_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "nan at the start": (_wav(_with(np.nan, slice(0, 10))), "not numbers"),
    "nan at the end": (_wav(_with(np.nan, slice(-10, None))), "not numbers"),
    "nan throughout": (_wav(_with(np.nan, WHOLE)), "not numbers"),
    "one nan": (_wav(_with(np.nan, slice(30_000, 30_001))), "not numbers"),
    "infinite": (_wav(_with(np.inf, slice(5, 9))), "not numbers"),
    "minus infinite": (_wav(_with(-np.inf, slice(5, 9))), "not numbers"),
    "nan in doubles": (_wav(_with(np.nan, slice(5, 9)).astype("f8"), "DOUBLE"), "not numbers"),
    "silence": (_wav(_with(0.0, WHOLE)), "silent file"),
    "nearly silence": (_wav(1e-5 * sound()), "silent file"),
    "silence of 16 bits": (_wav(_with(0.0, WHOLE), "PCM_16"), "silent file"),
    "opposite phase": (_wav(STEREO), "silent in mono"),
    "opposite phase of 16 bits": (_wav(STEREO, "PCM_16"), "silent in mono"),
    "opposite phase of 24 bits": (_wav(STEREO, "PCM_24"), "silent in mono"),
    "too short": (_wav(sound(0.5)), "too short"),
    "one sample": (_wav(sound()[:1]), "too short"),
    "just too short": (_wav(sound(2.9)), "too short"),
    "no samples": (_wav(sound()[:0]), "holds no samples"),
    "1 Hz": (_bytes(_header(1)), "1 Hz"),
    "0 Hz": (_bytes(_header(0)), "cannot be decoded"),
    "100 Hz": (_bytes(_header(100)), "100 Hz"),
    "3999 Hz": (_bytes(_header(3_999)), "3999 Hz"),
    "10 MHz": (_bytes(_header(10_000_000)), "10000000 Hz"),
    "no channels": (_bytes(_header(RATE, 0)), "holds no samples"),
    "200 channels": (_bytes(_header(RATE, 200, 1_000)), "200 channels"),
    "empty": (_bytes(b""), "cannot be decoded"),
    "one byte": (_bytes(b"R"), "cannot be decoded"),
    "RIFF alone": (_bytes(b"RIFF"), "cannot be decoded"),
    "RIFF of nothing": (_bytes(b"RIFF nothing"), "cannot be decoded"),
    "header alone": (_bytes(_header(RATE, 1, 0, 0)), "holds no samples"),
    "cut header": (_bytes(_header(RATE)[:30]), "cannot be decoded"),
    "text": (_bytes(b"this is not music\n" * 50), "cannot be decoded"),
    "a page": (_bytes(b"<!doctype html><title>404</title>" * 20), "cannot be decoded"),
    "JSON": (_bytes(b'{"error": "not found"}'), "cannot be decoded"),
    "a picture": (_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)), "cannot be decoded"),
    "zeros": (_bytes(bytes(5_000)), "cannot be decoded"),
    "random": (_bytes(np.random.default_rng(7).bytes(5_000)), "cannot be decoded"),
    "a pickle": (_bytes(b"\x80\x04\x95" + bytes(100)), "cannot be decoded"),
    "a zip": (_bytes(b"PK\x03\x04" + bytes(300)), "cannot be decoded"),
    "pointer of git-lfs": (
        _bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"),
        "cannot be decoded",
    ),
    "cut FLAC": (_bytes(b"fLaC" + bytes(60)), "cannot be decoded"),
    "cut Ogg": (_bytes(b"OggS" + bytes(60)), "cannot be decoded"),
}


def test_there_are_forty() -> None:
    assert len(BAD_FILES) >= 40


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three good pairs, and a table of them and a bad fourth."""
    made = tmp_path_factory.mktemp("good")
    for side, first in (("real", 0), ("ours", 10)):
        (made / side).mkdir()
        for number, name in enumerate(("a", "b", "c", "bad")):
            soundfile.write(made / side / f"{name}.wav", sound(3.2, first + number), RATE)
    (made / "t.csv").write_text("id,caption\na,x\nb,x\nc,x\nbad,x\n")
    return made


@pytest.mark.parametrize("bad", BAD_FILES)
def test_a_bad_file_is_named_and_the_rest_goes_on(good: Path, tmp_path: Path, bad: str) -> None:
    write, said = BAD_FILES[bad]
    shutil.copytree(good, tmp_path / "x")
    write(tmp_path / "x" / "ours" / "bad.wav")
    folders = tmp_path / "x" / "ours", tmp_path / "x" / "real"
    items = read_captioned_folder(tmp_path / "x" / "t.csv", folders[1]).items
    system = System("ours", Task("text-to-music"), folder=folders[0])
    sets = pair_sets(system, recipe("offline"), items, *folders, {}, incomplete=True)
    assert [item.id for item in sets.items] == ["a", "b", "c"]
    assert sets.presence.missing == ("bad",) and sets.counts.startswith("3 of 4")
    [problem] = [p for p in sets.problems if p.ids == ("bad",) and p.consequence == "exclude"]
    assert said in f"{problem.name}: {problem.message}"


@FFMPEG
@pytest.mark.parametrize("suffix", ["m4a", "webm", "mp4", "aac", "mka"])
def test_formats_that_only_ffmpeg_reads_are_used(good: Path, tmp_path: Path, suffix: str) -> None:
    shutil.copytree(good, tmp_path / "x")
    source = tmp_path / "x" / "ours" / "bad.wav"
    target = source.with_suffix(f".{suffix}")
    codec = ["-c:a", "libopus" if suffix in ("webm", "mka") else "aac"]
    subprocess.run(["ffmpeg", "-v", "error", "-i", source, *codec, target], check=True, timeout=60)
    source.unlink()
    folders = tmp_path / "x" / "ours", tmp_path / "x" / "real"
    items = read_captioned_folder(tmp_path / "x" / "t.csv", folders[1]).items
    system = System("ours", Task("text-to-music"), folder=folders[0])
    sets = pair_sets(system, recipe("offline"), items, *folders, {})
    assert sets.counts == "4 of 4"
    from evaluation.metrics import musicnn_signal

    found = musicnn_signal(target)
    assert len(found) / RATE == pytest.approx(3.2, abs=0.2) and np.abs(found).max() > 0.1


def test_preflight_says_all_that_is_missing_at_once(
    good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evaluation.benchmark import Run, RunOptions

    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "work"))
    empty = tmp_path / "empty"
    empty.mkdir()
    plan = Plan(
        "p",
        "p",
        DatasetChoice("folder", good / "t.csv", good / "real"),
        recipe("paper"),
        (
            System("empty", Task("text-to-music"), folder=empty),
            System("gone", Task("text-to-music"), folder=tmp_path / "gone"),
        ),
    )
    with pytest.raises(preflight.Refusals) as caught:
        Run(plan, RunOptions(out=tmp_path / "out")).run()
    told = str(caught.value)
    for part in (
        "openl3_audio_mel256_music-v0_4_0.h5.gz",
        "e379f41e880b78e157c199ebddac80d3764e6a46282bcccdbe875bcf538f9afd",
        "passt-s-f128-p16-s10-ap.476-swa.pt",
        str(tmp_path / "models" / "metrics"),
        "STUDIO_PASST",
        "--fetch",
        "no folder",
        "0 of 4",
        "no audio files lie in",
    ):
        assert part in told
    assert not (tmp_path / "out").exists()  # nothing was begun
