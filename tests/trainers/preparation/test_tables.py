"""Captions and sections from tables as people save them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.errors import InputError
from trainers.preparation.captioning.captions import beside, find_table, read_notes
from trainers.preparation.captioning.templates import template_captions
from trainers.preparation.discovery import FileIndex
from trainers.preparation.records import Description, Source, Tags, TimedSection
from trainers.preparation.sections import fit, read_sections

NAMES = ("a.wav", "b c.flac", "x/same.wav", "y/same.wav", "ü.wav")


@pytest.fixture
def index() -> FileIndex:
    return FileIndex(Source(Path("/music") / name, name) for name in NAMES)


def captions(path: Path, index: FileIndex) -> dict[str, tuple[str, ...]]:
    return {source.name: notes.captions for source, notes in read_notes(path, index)[0].items()}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_dialects(tmp_path, index, encoding, delimiter):
    rows = [
        ["File", " Caption ", "License"],
        ["a.wav", '"quoted ""words""\nand a\r\nline break"', "CC0"],
        ["u\u0308", "decomposed name, no suffix".replace(",", " "), ""],
        ["b c.flac", "one", ""],
        ["b c.flac", "two", "MIT"],
    ]
    path = tmp_path / "t.csv"
    path.write_bytes("\r\n".join(delimiter.join(row) for row in rows).encode(encoding))
    notes = {s.name: n for s, n in read_notes(path, index)[0].items()}
    assert notes["a.wav"].captions == ('quoted "words" and a line break',)
    assert notes["a.wav"].licence == "CC0"
    assert notes["ü.wav"].captions == ("decomposed name  no suffix".replace("  ", " "),)
    assert notes["b c.flac"].captions == ("one", "two") and notes["b c.flac"].licence == "MIT"


def test_bad_rows_are_listed_and_the_rest_is_read(tmp_path, index):
    path = tmp_path / "captions.csv"
    path.write_bytes(
        b"file,caption\r\n"
        b"missing.wav,not here\r\n"
        b"same.wav,which one\r\n"
        b"a.wav,\r\n"
        b"a.wav,too,many\r\n"
        b",no file\r\n"
        b"x/same.wav,caf\xe9\r\n"
        b'"a"b,broken quote\r\n'
        b"b c.flac,good\r\n"
        b'y/same.wav,"never closed\r\n'
    )
    notes, remarks = read_notes(path, index)
    assert {s.name: n.captions for s, n in notes.items() if n.captions} == {
        "b c.flac": ("good",),
        "x/same.wav": ("café",),  # a row of Windows-1252
    }
    reasons = " | ".join(r.reason for r in remarks)
    for expected in (
        "missing.wav: no such audio file",
        "may mean x/same.wav or y/same.wav",
        "a.wav: has no caption",
        "has 3 cells",
        "names no file",
        "were read as Windows-1252",
        "cannot be read",
        "has no row for",
    ):
        assert expected in reasons
    assert find_table(tmp_path) == path


def test_json_lines(tmp_path, index):
    path = tmp_path / "t.jsonl"
    lines = [
        json.dumps({"file_name": "music/x/same.wav", "text": ["p", "q"], "artist": "Bach"}),
        "{broken",
        "[1]",
        '{"file": "a.wav", "caption": "\\ud83d"}',
        "",
        json.dumps({"path": "C:\\music\\a.wav", "caption": "r"}),
    ]
    path.write_text("\ufeff" + "\n".join(lines), encoding="utf-8")
    notes, remarks = read_notes(path, index)
    by_name = {s.name: n for s, n in notes.items()}
    assert by_name["x/same.wav"].captions == ("p", "q")
    assert by_name["x/same.wav"].attribution == "Bach"
    assert by_name["a.wav"].captions == ("r",)
    assert sum("JSON" in r.reason or "object" in r.reason for r in remarks) == 3


@pytest.mark.parametrize("text", ["", "\ufeff", "file,words\na.wav,b\n", "caption\nb\n"])
def test_useless_tables_are_one_error(tmp_path, index, text):
    path = tmp_path / "t.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        read_notes(path, index)


def test_group_column(tmp_path, index):
    path = tmp_path / "t.csv"
    path.write_text("file,caption,Group\na.wav,p,night songs\nb c.flac,q,\n", encoding="utf-8")
    groups = {source.name: notes.group for source, notes in read_notes(path, index)[0].items()}
    assert groups == {"a.wav": "night songs", "b c.flac": ""}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_text_beside_a_file(tmp_path, encoding):
    (tmp_path / "a.txt").write_bytes("calm piano,\r\nünder rain\r\n\r\nslow".encode(encoding))
    assert beside(Source(tmp_path / "a.wav", "a.wav")) == ("calm piano, ünder rain", "slow")


def test_sections_from_csv_and_json_lines(tmp_path, index):
    table = tmp_path / "s.csv"
    table.write_text(
        "file,structure,start,end\na.wav,Intro,0,\na.wav,Chorus 2,1:05.5,\n"
        "a.wav,verse1,10,65.5\nb c.flac,bridge,0,5\nb c.flac,verse,5,9\n"
        "x/same.wav,verse,now,9\n",
        encoding="utf-8",
    )
    plans, remarks = read_sections(table, index)
    assert {s.name: p for s, p in plans.items()} == {
        "a.wav": (
            TimedSection("intro", 0, 10),
            TimedSection("verse", 10, 65.5),
            TimedSection("chorus", 65.5, None),
        )
    }
    assert "bridge" in remarks[0].reason and "now" in remarks[1].reason
    lines = tmp_path / "s.jsonl"
    lines.write_text(
        json.dumps(
            {
                "file": "a.wav",
                "sections": [
                    {"structure": "verse", "start_s": 0, "end_s": 4},
                    {"structure": "outro", "start_s": 4},
                ],
            }
        )
    )
    assert list(read_sections(lines, index)[0].values()) == [
        (TimedSection("verse", 0, 4), TimedSection("outro", 4, None))
    ]


def test_sections_must_fit_the_piece():
    plan = (TimedSection("intro", 0, 4), TimedSection("verse", 4, None))
    assert fit(plan, 9.5)[-1] == TimedSection("verse", 4, 9.5)
    assert fit((TimedSection("intro", 0, 10.3),), 10.0) == (TimedSection("intro", 0, 10.0),)
    for wrong in (
        (TimedSection("intro", 0, 5), TimedSection("verse", 4, 8)),
        (TimedSection("intro", 5, 5),),
        (TimedSection("intro", 0, 20),),
        (TimedSection("intro", 11, 12),),
    ):
        with pytest.raises(InputError):
            fit(wrong, 10.0)


def test_templates_say_what_tags_say():
    tags = Tags(title="T", artist="Some Body", genre="Ambient", tempo="90", key="C minor")
    found = template_captions(Description(Path("x.wav"), tags, 10.0))
    assert len(set(found)) == 3 and all("ambient" in c and "90 BPM" in c for c in found)
    assert not any("Some Body" in c for c in found)
    assert template_captions(Description(Path("07 - Night_Rain.ogg"), Tags(), 9.0)) == (
        'music called "Night Rain"',
    )
    assert template_captions(Description(Path("07.ogg"), Tags(), 9.0)) == ("music",)
