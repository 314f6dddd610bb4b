"""A folder of anything goes in, one like the corpus comes out, and every file is named."""

from __future__ import annotations

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from evaluation.datasets import read_captioned_folder
from trainers.preparation import PreparationOptions, prepare, write_report
from trainers.preparation.command import main

RATE = 16_000


def tone(
    path: Path,
    seconds: float = 3.5,
    rate: int = RATE,
    channels: int = 1,
    pitch: float = 440,
    **kind,
) -> Path:
    """A file of a rich enough sound; pitch makes it its own piece."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * rate)) / rate
    sound = 0.3 * np.sin(2 * np.pi * pitch * time) * np.exp(-(time % 0.5))
    soundfile.write(path, np.stack([sound] * channels, axis=1), rate, **kind)
    return path


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    """A folder with every kind of trouble, and three plain pieces."""
    folder = tmp_path / "my music"
    tone(folder / "plain.wav", pitch=300)
    tone(folder / "ünïcode – 音楽 (live).flac", pitch=310)
    tone(folder / "deep" / "er" / "a b  c.ogg", pitch=320)
    tone(folder / "eight.wav", channels=8, pitch=330)
    tone(folder / "eleven.wav", rate=11_025, pitch=340)
    shutil.copy(folder / "plain.wav", folder / "z copy of plain.wav")
    sound, _ = soundfile.read(folder / "plain.wav")
    soundfile.write(folder / "z same in flac.flac", sound, RATE)
    (folder / "zero.wav").touch()
    soundfile.write(folder / "no samples.wav", np.zeros(0), RATE)
    whole = tone(folder / "whole.wav", pitch=350).read_bytes()
    (folder / "truncated.wav").write_bytes(whole[: len(whole) // 2])
    (folder / "whole.wav").unlink()
    broken = np.full(RATE * 4, 0.1, np.float32)
    broken[500] = np.nan
    soundfile.write(folder / "nan.wav", broken, RATE, subtype="FLOAT")
    soundfile.write(folder / "silent.wav", np.zeros(RATE * 4), RATE)
    tone(folder / "short.wav", seconds=0.5, pitch=360)
    (folder / "text.mp3").write_text("this is no music")
    (folder / ".hidden.wav").write_text("not looked at")
    (folder / "notes.pdf").write_text("not audio")
    return folder


LEFT_OUT = {
    "zero.wav": "0 bytes",
    "no samples.wav": "no samples",
    "truncated.wav": "truncated",
    "nan.wav": "not numbers",
    "silent.wav": "silent",
    "short.wav": "0.50 s",
    "text.mp3": "cannot be decoded",
    "z copy of plain.wav": "same sound as plain.wav",
    "z same in flac.flac": "same sound as plain.wav",
}
USED = {"plain.wav", "ünïcode – 音楽 (live).flac", "deep/er/a b  c.ogg", "eight.wav", "eleven.wav"}


def test_trouble_is_listed_and_the_rest_goes_on(messy, tmp_path):
    prepared = prepare(messy, tmp_path / "out", PreparationOptions(workers=2))
    assert {piece.source for piece in prepared.pieces} == USED
    reasons = {r.file: r.reason for r in prepared.remarks if r.outcome == "left out"}
    assert reasons.keys() == LEFT_OUT.keys()
    for name, reason in LEFT_OUT.items():
        assert reason in reasons[name]
    used = [
        (r.file, r.reason.split(",")[0].split(":")[0])
        for r in prepared.remarks
        if r.outcome == "used"
    ]
    assert ("eight.wav", "8 channels") in used and ("eleven.wav", "11025 Hz") in used
    with open(tmp_path / "out" / "remarks.csv", newline="", encoding="utf-8") as file:
        assert {row["file"] for row in csv.DictReader(file)} >= LEFT_OUT.keys()


def test_output_is_a_corpus_folder(messy, tmp_path):
    """What comes out is what evaluation's reader takes; sound is 48 kHz mono FLAC."""
    out = tmp_path / "out"
    prepared = prepare(messy, out, PreparationOptions(licence="CC0", attribution="me"))
    for piece in prepared.pieces:
        assert re.fullmatch(r"[0-9a-f]{20}", piece.id)
        facts = soundfile.info(out / f"{piece.id}.flac")
        assert (facts.samplerate, facts.channels, facts.format) == (48_000, 1, "FLAC")
        record = json.loads((out / f"{piece.id}.json").read_text())
        assert facts.frames / 48_000 == pytest.approx(record["duration_s"], abs=1e-4)
        assert record["captions"] and record["licence"] == "CC0" and record["attribution"] == "me"
        (section,) = record["sections"]
        assert section == {"structure": "verse", "start_s": 0.0, "end_s": record["duration_s"]}
    assert {p.split for p in prepared.pieces} == {"train", "validation", "test"}
    dataset = read_captioned_folder(out / "corpus.csv", out)
    assert len(dataset.items) == len(USED) and all(item.reference for item in dataset.items)


def test_resumes_and_follows_the_folder(messy, tmp_path, capsys):
    """A second run decodes nothing; a removed file's piece goes, another's split stays."""
    out, options = tmp_path / "out", PreparationOptions()
    first = prepare(messy, out, options)
    stamps = {path.name: path.stat().st_mtime_ns for path in out.glob("*.flac")}
    capsys.readouterr()
    assert prepare(messy, out, options) == first
    assert "0 to decode" in capsys.readouterr().err
    assert stamps == {path.name: path.stat().st_mtime_ns for path in out.glob("*.flac")}
    gone = next(p for p in first.pieces if p.source == "eight.wav")
    (messy / "eight.wav").unlink()
    second = prepare(messy, out, options)
    assert not (out / f"{gone.id}.flac").exists() and not (out / f"{gone.id}.json").exists()
    assert {p.source for p in second.pieces} == USED - {"eight.wav"}
    lost = next(out.glob("*.flac"))
    lost.unlink()
    (out / ".half.flac").touch()  # what a killed run leaves behind
    assert prepare(messy, out, options) == second and lost.is_file()
    assert not (out / ".half.flac").exists()


def test_output_may_lie_inside_the_folder(messy):
    out = messy / "prepared"
    first = prepare(messy, out, PreparationOptions())
    assert prepare(messy, out, PreparationOptions()) == first


@pytest.mark.parametrize("content", [(), ("notes.txt",), ("zero.wav", "zero2.mp3")])
def test_nothing_usable_is_one_clear_error(tmp_path, content):
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in content:
        (folder / name).touch()
    with pytest.raises(InputError, match="audio"):
        main([str(folder), "--out", str(tmp_path / "out")])


def test_captioner_is_asked_only_for_files_without_captions(tmp_path):
    folder = tmp_path / "in"
    tone(folder / "told.wav", pitch=300)
    (folder / "told.txt").write_text("\ufeffslow harp,\r\nvery soft", encoding="utf-8")
    tone(folder / "untold.wav", pitch=400)
    asked = []

    def captioner(description):
        asked.append((description.path.name, round(description.seconds, 1)))
        return ["written by a model"]

    prepared = prepare(folder, tmp_path / "out", PreparationOptions(), captioner)
    assert asked == [("untold.wav", 3.5)]
    captions = {p.source: (p.captions, p.caption_source) for p in prepared.pieces}
    assert captions == {
        "told.wav": (("slow harp, very soft",), "text file"),
        "untold.wav": (("written by a model",), "captioner"),
    }


def split_by_song(prepared, song_of) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for piece in prepared.pieces:
        found.setdefault(song_of(piece.source), set()).add(piece.split)
    return found


def test_a_song_in_two_files_is_in_one_split(tmp_path):
    folder = tmp_path / "in"
    for number in range(20):
        tone(folder / f"song {number:02d}.wav", pitch=200 + number)
        tone(folder / f"song {number:02d}_part 2.ogg", pitch=500 + number)
    options = PreparationOptions(validation=0.2, test=0.2)
    prepared = prepare(folder, tmp_path / "out", options)
    found = split_by_song(prepared, lambda source: source[:7])
    assert len(prepared.pieces) == 40 and len(found) == 20
    assert all(len(splits) == 1 for splits in found.values())
    assert {"train", "validation", "test"} == set.union(*found.values())
    assert any("40 files are of 20 songs" in remark.reason for remark in prepared.remarks)


def test_the_table_tells_which_files_are_one_song(tmp_path):
    folder = tmp_path / "in"
    rows = ["file,caption,group"]
    for number in range(20):
        tone(folder / f"{number:02d}.wav", pitch=200 + number)
        rows.append(f"{number:02d}.wav,a tone,group {number % 10}")
    (folder / "captions.csv").write_text("\n".join(rows))
    prepared = prepare(folder, tmp_path / "out", PreparationOptions(validation=0.3, test=0.3))
    found = split_by_song(prepared, lambda source: int(source[:2]) % 10)
    assert len(found) == 10 and all(len(splits) == 1 for splits in found.values())


def test_copies_bind_the_names_they_have(tmp_path):
    """x.wav and y.flac have the same sound, y.ogg is y.flac with losses: one song."""
    folder = tmp_path / "in"
    sound, _ = soundfile.read(tone(folder / "x.wav", pitch=300))
    soundfile.write(folder / "y.flac", sound, RATE)
    soundfile.write(folder / "y.ogg", sound, RATE)
    tone(folder / "z.wav", pitch=400)
    prepared = prepare(folder, tmp_path / "out", PreparationOptions(validation=0.001, test=0.0))
    split = {piece.source: piece.split for piece in prepared.pieces}
    assert split["x.wav"] == split["y.ogg"] != split["z.wav"]


def test_a_mere_numbered_list_can_be_held_out(tmp_path):
    for number in range(6):
        tone(tmp_path / "in" / f"track_{number}.wav", pitch=200 + number)
    prepared = prepare(tmp_path / "in", tmp_path / "out", PreparationOptions())
    assert {piece.split for piece in prepared.pieces} == {"train", "validation", "test"}
    assert any("column `group`" in remark.reason for remark in prepared.remarks)


def test_report_is_escaped_and_needs_nothing_else(tmp_path):
    folder = tmp_path / "in"
    name = "<img src=x onerror=alert(1)> & 'co'.wav"
    tone(folder / name, pitch=300)
    (folder / "<script>bad.wav").touch()
    prepared = prepare(
        folder, tmp_path / "out", PreparationOptions(licence="<b>free</b>", validation=0.5)
    )
    page = write_report(prepared, tmp_path / "out").read_text(encoding="utf-8")
    assert "<img" not in page and "<script" not in page and "<b>" not in page
    assert "&lt;img src=x" in page and "&lt;script&gt;bad.wav" in page and "0 bytes" in page
    assert page.count("<audio") == 1 and "data:audio/mpeg;base64," in page
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_command_prints_one_line(messy, tmp_path, capsys):
    out = tmp_path / "out"
    assert main([str(messy), "--out", str(out), "--validation", "0.2"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["pieces"] == len(USED) and figures["left_out"] == len(LEFT_OUT)
    assert figures["hours"] == pytest.approx(len(USED) * 3.5 / 3600, abs=1e-3)
    assert Path(figures["report"]).is_file()


@pytest.mark.parametrize(
    "given",
    [
        {"validation": 1.0},
        {"test": -0.1},
        {"workers": 0},
        {"structure": "bridge"},
        {"min_seconds": float("nan")},
        {"validation": 0.5, "test": 0.5},
    ],
)
def test_wrong_options_are_named(given):
    with pytest.raises(InputError):
        PreparationOptions(**given)
