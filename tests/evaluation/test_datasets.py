"""Readers of MusicCaps, Song Describer and a folder with a CSV."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from core.errors import InputError
from evaluation.datasets import (
    AudioFolder,
    Dataset,
    Item,
    Presence,
    aspects,
    read_captioned_folder,
    read_ids,
    read_musiccaps,
    read_song_describer,
)
from evaluation.datasets.table import tri_state

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data"
real = pytest.mark.skipif(not DATA.is_dir(), reason="no captions at ../shared/data")
MUSICCAPS = (
    "ytid,start_s,end_s,audioset_positive_labels,aspect_list,caption,author_id,"
    "is_balanced_subset,is_audioset_eval\n"
)
DESCRIBER = (
    "caption_id,track_id,caption,is_valid_subset,familiarity,artist_id,album_id,path,duration\n"
)


@real
def test_the_real_musiccaps():
    found = read_musiccaps(DATA / "musiccaps-public.csv")
    assert len(found.items) == 5521
    assert found.flag_counts("is_audioset_eval") == {True: 2858, False: 2663}
    assert found.flag_counts("is_balanced_subset")[True] == 1000
    assert sum(item.id.startswith("-") for item in found.items) == 107
    assert sum("\n" in item.caption for item in found.items) == 5
    assert {item.seconds for item in found.items} == {10.0}
    assert all(len(item.id) == 11 and aspects(item) is not None for item in found.items)
    words = [len(item.caption.split()) for item in found.items]
    assert sum(words) / len(words) == pytest.approx(49, abs=1)
    assert found.reference_presence().used == 0
    assert len(found.where("is_balanced_subset").items) == 1000


@real
def test_the_real_song_describer():
    found = read_song_describer(DATA / "song_describer.csv")
    assert len(found.items) == 1106
    assert found.flag_counts("is_valid_subset") == {True: 746, False: 28, None: 332}
    captions = Counter(Counter(item.reference_id for item in found.items).values())
    assert [captions[n] for n in range(1, 6)] == [476, 127, 57, 25, 21]
    assert len({item.reference_id for item in found.where("is_valid_subset").items}) == 547
    assert sum("\n" in item.caption for item in found.items) == 4
    shorter = {i.reference_id for i in found.items if i.seconds < 120}
    assert len([i for i in found.items if i.seconds < 120]) == 49 or len(shorter) == 49
    assert all(i.details["path"] == f"{int(i.reference_id) % 100:02d}/{i.reference_id}.mp3"
               for i in found.items)  # fmt: skip


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8", newline="")
    return path


def test_musiccaps_oddities(tmp_path):
    rows = (
        "-0Gj8-vB1q4,30,40,\"/m/04rlf\",\"['sad', 'it''s slow']\",\"two\nlines, one item\",4,"
        "False,True\r\n=cmd|calc!A0,0,10,,[],plain,1,,\r\n\r\n"
    ).replace("'it''s slow'", '""it\'s slow""')
    audio = tmp_path / "audio"
    audio.mkdir()
    (audio / "-0Gj8-vB1q4.FLAC").touch()
    found = read_musiccaps(write(tmp_path / "m.csv", "\ufeff" + MUSICCAPS + rows), audio)
    first, second = found.items
    assert first.id == "-0Gj8-vB1q4" and first.caption == "two\nlines, one item"
    assert aspects(first) == ["sad", "it's slow"]
    assert first.reference == audio / "-0Gj8-vB1q4.FLAC"
    assert second.id == "=cmd|calc!A0" and second.flags["is_audioset_eval"] is None
    assert found.reference_presence() == Presence(2, ("=cmd|calc!A0",))


def test_aspect_lists_never_run(tmp_path):
    row = "x,0,10,,__import__('os').getcwd(),c,1,,\n"
    [item] = read_musiccaps(write(tmp_path / "m.csv", MUSICCAPS + row)).items
    with pytest.raises(InputError, match="item x"):
        aspects(item)


def test_song_describer_names_two_minute_files_by_track(tmp_path):
    rows = (
        "1,1004034,a,True,0,1,1,34/1004034.mp3,202.5\n"
        "2,1004034,b,,0,1,1,34/1004034.mp3,202.5\n"
        "3,77,c,False,0,1,1,77/77.mp3,90\n"
    )
    audio = tmp_path / "audio"
    (audio / "34").mkdir(parents=True)
    (audio / "34" / "1004034.2min.mp3").touch()
    (audio / ".DS_Store").touch()
    found = read_song_describer(write(tmp_path / "s.csv", DESCRIBER + rows), audio)
    assert [item.reference_id for item in found.items] == ["1004034", "1004034", "77"]
    assert found.references() == {"1004034": audio / "34" / "1004034.2min.mp3"}
    assert [item.seconds for item in found.items] == [120.0, 120.0, 90.0]
    assert found.flag_counts("is_valid_subset") == {True: 1, None: 1, False: 1}
    assert found.reference_presence().missing == ("3",)


@pytest.mark.parametrize(
    "text,said",
    [
        ("", "empty"),
        ("id\n1\n", "no column caption"),
        ("id,caption\n1\n", "record 2 has 1 cells"),
        ("id,caption,text\n1,a,b\n", "twice"),
        ("id,caption\n1,a\n1,b\n", "more than once"),
        ("id,caption\n../up,a\n", "no / or"),
        ("id,caption\nC:\\x,a\n", "no / or"),
        ("id,caption\n.hidden,a\n", "leading dot"),
        ("id,caption\n,a\n", "not empty"),
        ('id,caption\n1,"open\n', "cannot be read"),
        ("id,caption,seconds\n1,a,nan\n", "number of 0 or more"),
    ],
)
def test_wrong_tables_are_named(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read_captioned_folder(write(tmp_path / "c.csv", text))


def test_folder_with_header_aliases(tmp_path):
    (tmp_path / "a b.wav").touch()
    table = write(tmp_path / "c.csv", " ID ,Text,key\na b,A waltz,C\nmissing,None,D\n")
    found = read_captioned_folder(table, tmp_path)
    assert found.items[0].reference == tmp_path / "a b.wav"
    assert found.items[0].details == {"key": "C"}
    assert [item.id for item in found.having("key", "D").items] == ["missing"]
    with pytest.raises(InputError, match="no item has it"):
        found.having("key", "E")
    assert found.reference_presence().missing == ("missing",)


def test_two_files_of_one_id_are_named_and_nothing_outside_is_reached(tmp_path):
    folder = tmp_path / "audio"
    folder.mkdir()
    (tmp_path / "secret.wav").touch()
    (folder / "a.wav").touch()
    found = AudioFolder(folder)
    with pytest.raises(InputError, match="no / or"):
        found.find("../secret")
    (folder / "a.mp3").touch()
    with pytest.raises(InputError, match="both carry the id a"):
        AudioFolder(folder)
    with pytest.raises(InputError, match="no such folder"):
        AudioFolder(tmp_path / "absent")


def test_lists_of_ids_choose_items(tmp_path):
    items = tuple(Item(name, "c", None, name) for name in ("1", "2", "-3"))
    listed = read_ids(write(tmp_path / "nosinging.csv", "\ufeffcaption_id,caption\n-3,x\n1,y\n"))
    assert listed == ["-3", "1"]
    chosen = Dataset("set", items).among(listed, "no singing")
    assert [item.id for item in chosen.items] == ["1", "-3"]
    with pytest.raises(InputError, match="not in set"):
        Dataset("set", items).among(["9"], "no singing")


def test_means_over_too_few_need_a_flag():
    assert Presence(100, ("a",) * 5).require() == "95 of 100"
    short = Presence(100, tuple(f"id{i}" for i in range(6)))
    with pytest.raises(InputError, match="94 of 100.*id0"):
        short.require()
    assert "INCOMPLETE" in short.require(incomplete=True)
    with pytest.raises(InputError, match="nothing to average"):
        Presence(2, ("a", "b")).require(incomplete=True)


def test_three_states():
    assert [tri_state(text) for text in ("True", "false", "", " 1 ")] == [True, False, None, True]
    with pytest.raises(InputError, match="maybe"):
        tri_state("maybe")
