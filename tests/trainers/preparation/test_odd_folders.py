"""Odd folders: everything in them is used, or named with the reason."""

from __future__ import annotations

import csv
import shutil
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core import audio
from core.errors import InputError
from trainers.preparation import PreparationOptions, prepare
from trainers.preparation.captioning.captions import read_notes
from trainers.preparation.discovery import FileIndex
from trainers.preparation.records import Source
from trainers.preparation.same_song import picture, same_songs

RATE = 16_000
SECONDS = 4.0
FFMPEG = shutil.which("ffmpeg")


def tune(seed: int, seconds: float = 16.0, timbre: float = 1.0, shift: float = 0.0) -> np.ndarray:
    """Notes of a random tune, [T] at RATE; the same tune in another timbre with another one."""
    draw = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(len(time))
    start = shift
    while start < seconds - 0.5:
        pitch = 48 + int(draw.integers(36))
        own = time - start
        hz = 440 * 2 ** ((pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * hz * k * own) / k**timbre for k in (1, 2, 3))
        sound += np.where(own >= 0, np.exp(-3 * np.maximum(own, 0)), 0) * tone
        start += float(draw.choice([0.25, 0.5, 0.375]))
    return (0.2 * sound / np.abs(sound).max()).astype(np.float32)


def put(path: Path, sound: np.ndarray | None = None, rate: int = RATE, **kind: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if sound is None:
        sound = tune(zlib.crc32(path.name.encode()) % 1000, SECONDS)
    soundfile.write(path, sound, rate, **kind)
    return path


def text(name: str, content: str | bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(data)

    return write


def video(name: str, kind: str = "mpeg4") -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        wav = put(folder / f".{name}.wav")
        given = ["-f", "lavfi", "-i", "color=size=64x64:rate=5:duration=4", "-i", str(wav)]
        done = [FFMPEG, "-v", "error", *given, "-c:v", kind, "-c:a", "aac", "-shortest"]
        subprocess.run([*done, str(folder / name)], check=True)

    return write


def truncated(folder: Path) -> None:
    path = put(folder / "cut.wav")
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


# (what lies beside two good files, file, outcome, reason)
ODD: dict[str, tuple[Callable[[Path], object], str, str, str]] = {
    "m4p": (text("a.m4p", "x"), "a.m4p", "left out", "copy-protected"),
    "midi": (text("a.mid", "MThd"), "a.mid", "left out", "score without sound"),
    "karaoke": (text("a.KAR", "MThd"), "a.KAR", "left out", "score without sound"),
    "spreadsheet": (text("captions.xlsx", "PK"), "captions.xlsx", "left out", "save it as CSV"),
    "old spreadsheet": (text("a.xls", "x"), "a.xls", "left out", "save it as CSV"),
    "open spreadsheet": (text("a.ods", "x"), "a.ods", "left out", "save it as CSV"),
    "archive": (text("more.zip", "PK"), "more.zip", "left out", "unpack it"),
    "playlist": (text("all.m3u", "good.wav"), "all.m3u", "left out", "not followed"),
    "cue sheet": (text("album.cue", "FILE"), "album.cue", "left out", "not followed"),
    "download": (text("b.mp3.part", "x"), "b.mp3.part", "left out", "unfinished download"),
    "project": (text("song.als", "x"), "song.als", "left out", "export its mix"),
    "cover": (text("cover.jpg", "x"), "cover.jpg", "not sound", "is no sound (.jpg)"),
    "no suffix": (text("README", "x"), "README", "not sound", "no suffix"),
    "empty": (text("empty.wav", ""), "empty.wav", "left out", "0 bytes"),
    "text as wav": (text("fake.wav", "hello"), "fake.wav", "left out", "cannot be decoded"),
    "text as m4a": (text("fake.m4a", "hello"), "fake.m4a", "left out", "cannot be decoded"),
    "text as mp4": (text("fake.mp4", "hello"), "fake.mp4", "left out", "cannot be decoded"),
    "truncated": (truncated, "cut.wav", "left out", "truncated"),
    "dead link": (
        lambda f: (f / "gone.wav").symlink_to("nowhere.wav"),
        "gone.wav",
        "left out",
        "no file that can be opened",
    ),
    "silence": (
        lambda f: put(f / "still.wav", np.zeros(4 * RATE)),
        "still.wav",
        "left out",
        "silent",
    ),
    "not numbers": (
        lambda f: put(f / "nan.wav", np.full(4 * RATE, np.nan), subtype="FLOAT"),
        "nan.wav",
        "left out",
        "not numbers",
    ),
    "short": (lambda f: put(f / "s.wav", np.ones(RATE) * 0.1), "s.wav", "left out", "1.00 s long"),
    "no samples": (lambda f: put(f / "n.wav", np.zeros(0)), "n.wav", "left out", "no samples"),
    "loud": (
        lambda f: put(f / "loud.wav", 9 * tune(5, SECONDS), subtype="FLOAT"),
        "loud.wav",
        "used",
        "above full scale",
    ),
    "eight channels": (
        lambda f: put(f / "8.wav", np.stack([tune(6, SECONDS)] * 8, 1)),
        "8.wav",
        "used",
        "8 channels",
    ),
    "telephone": (
        lambda f: put(f / "low.wav", tune(7, SECONDS)[::2], RATE // 2),
        "low.wav",
        "used",
        "8000 Hz",
    ),
    "copy": (
        lambda f: shutil.copy(f / "good one.wav", f / "zz copy.flac.wav"),
        "zz copy.flac.wav",
        "left out",
        "same sound as good one.wav",
    ),
    "same song": (
        lambda f: put(f / "other name.wav", np.tanh(3 * tune(1))),
        "good one.wav",
        "joined",
        "same song as other name.wav by its sound",
    ),
    "latin captions": (
        text("captions.csv", "file,caption\ngood one.wav,M\xfcde Fl\xf6te".encode("cp1252")),
        "captions.csv",
        "used",
        "lines 2 are not UTF-8 and were read as Windows-1252",
    ),
    "open quote": (
        text("captions.csv", 'file,caption\ngood one.wav,"never closed\nother.wav,slow harp\n'),
        "captions.csv, line 2",
        "ignored",
        "a quote is opened and not closed",
    ),
    "number as caption": (
        text("captions.csv", "file,caption\ngood one.wav,Track 01\n"),
        "captions.csv, line 2",
        "ignored",
        "only a track's number",
    ),
    "caption of nothing": (
        text("captions.csv", "file,caption\nghost.wav,a ghost\n"),
        "captions.csv, line 2",
        "ignored",
        "no such audio file",
    ),
    "too many cells": (
        text("captions.csv", "file,caption\ngood one.wav,slow, sad\n"),
        "captions.csv, line 2",
        "ignored",
        "has 3 cells",
    ),
    "no caption": (
        text("captions.csv", "file,caption\ngood one.wav,\n"),
        "captions.csv, line 2",
        "ignored",
        "has no caption",
    ),
    **(
        {
            "video": (video("film.mp4"), "film.mp4", "used", "is a video; its sound is used"),
            "old video": (video("film.avi"), "film.avi", "used", "is a video"),
            "matroska": (video("film.mkv"), "film.mkv", "used", "is a video"),
        }
        if FFMPEG
        else {}
    ),
}


TABLES = [case for case, (_, name, _, _) in ODD.items() if name.startswith("captions.csv")]


@pytest.fixture
def music(tmp_path) -> Path:
    put(tmp_path / "music/good one.wav", tune(1))
    put(tmp_path / "music/other.wav", tune(2))
    return tmp_path / "music"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> tuple[Path, set[str]]:
    """(prepared folder, files used) of a folder with everything odd in it but tables."""
    folder = tmp_path_factory.mktemp("odd")
    put(folder / "music/good one.wav", tune(1))
    put(folder / "music/other.wav", tune(2))
    for case in ODD:
        if case not in TABLES:
            ODD[case][0](folder / "music")
    made = prepare(folder / "music", folder / "out", PreparationOptions())
    return folder / "out", {piece.source for piece in made.pieces}


def remarks_of(out: Path) -> list[dict[str, str]]:
    with open(out / "remarks.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("case", [case for case in ODD if case not in TABLES])
def test_what_is_odd_is_used_or_named(prepared, case):
    out, used = prepared
    _, name, outcome, reason = ODD[case]
    rows = [r for r in remarks_of(out) if r["file"] == name]
    assert any(r["outcome"] == outcome and reason in r["reason"] for r in rows), rows
    assert (name in used) == (outcome in ("used", "joined"))
    assert {"good one.wav", "other.wav"} <= used


@pytest.mark.parametrize("case", TABLES)
def test_what_is_odd_in_a_table_is_named(tmp_path, case):
    make, place, outcome, reason = ODD[case]
    make(tmp_path)
    index = FileIndex(Source(tmp_path / n, n) for n in ("good one.wav", "other.wav"))
    _, remarks = read_notes(tmp_path / "captions.csv", index)
    found = [r for r in remarks if r.file == place and r.outcome == outcome]
    assert any(reason in r.reason for r in found), remarks


def test_there_are_enough_of_them():
    assert len(ODD) >= 30


def test_only_a_row_with_an_open_quote_is_lost(tmp_path):
    ODD["open quote"][0](tmp_path)
    index = FileIndex(Source(tmp_path / n, n) for n in ("good one.wav", "other.wav"))
    notes, _ = read_notes(tmp_path / "captions.csv", index)
    assert {s.name: n.captions for s, n in notes.items()} == {"other.wav": ("slow harp",)}


def test_a_folder_without_sound_says_what_it_holds(tmp_path):
    (tmp_path / "a.mid").write_bytes(b"MThd")
    with pytest.raises(InputError, match="holds no audio files .* it holds a.mid is a score"):
        prepare(tmp_path, tmp_path / "out", PreparationOptions())


def test_a_long_file_is_cut_into_pieces_of_one_song(music, tmp_path):
    put(music / "set.wav", np.concatenate([tune(n) for n in range(10, 13)]))
    (music / "set.txt").write_text("a long evening")
    options = PreparationOptions(cut_minutes=0.5, validation=0.3, test=0.3)
    prepared = prepare(music, tmp_path / "out", options)
    assert any("cut into 2 pieces" in r["reason"] for r in remarks_of(tmp_path / "out"))
    parts = [p for p in prepared.pieces if p.source.startswith("set part")]
    assert len(parts) == 2 and sum(p.duration_s for p in parts) == pytest.approx(48, abs=0.1)
    assert {p.split for p in parts} == {parts[0].split}
    assert all(p.captions == ("a long evening",) for p in parts)


def test_a_full_disk_is_named(music, tmp_path, monkeypatch):
    from core.errors import FailureError
    from trainers.preparation import measuring

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(measuring.audio, "write", full)
    with pytest.raises(FailureError, match="disk .*is full"):
        measuring.measure_all(
            [measuring.Source(music / "other.wav", "other.wav")],
            tmp_path / "out",
            PreparationOptions(),
        )


def changed(sound: np.ndarray, how: str, tmp_path: Path) -> np.ndarray:
    if how == "mp3":
        return audio.read(audio.write(tmp_path / "a.mp3", sound, RATE)).mono()
    if how == "excerpt":
        return sound[3 * RATE + 321 : 14 * RATE]
    if how == "master":
        return np.tanh(5 * sound)
    if how == "later":
        return np.concatenate([np.zeros(round(2.7 * RATE), np.float32), sound])
    if how == "voice":
        time = np.arange(len(sound)) / RATE
        return sound + 0.08 * np.sin(2 * np.pi * (300 + 40 * np.sin(time)) * time)
    return tune(3, timbre=2.5)  # another instrument


@pytest.mark.parametrize("how", ["mp3", "excerpt", "master", "later", "voice", "rendering"])
def test_versions_of_a_song_are_found_by_their_sound(tmp_path, how):
    one = tune(3)
    pictures = {
        "song": picture(one, RATE),
        "version": picture(changed(one, how, tmp_path).astype(np.float32), RATE),
        **{f"other {n}": picture(tune(n), RATE) for n in range(20, 26)},
    }
    assert [(m.first, m.second) for m in same_songs(pictures)] == [("song", "version")]


def test_different_songs_are_not_joined():
    pictures = {str(n): picture(tune(n), RATE) for n in range(30, 42)}
    assert same_songs(pictures) == []
