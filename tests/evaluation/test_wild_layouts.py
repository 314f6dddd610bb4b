"""Files as people really have them: every layout is found, and every bad file is named and left
out while the rest goes on."""

from __future__ import annotations

import gzip
import json
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from evaluation.benchmark import DatasetChoice, Plan, System, Task
from evaluation.benchmark.sets.items import chosen_items
from evaluation.benchmark.sets.paired_sets import PairedSets, pair_sets
from evaluation.datasets import AudioFolder, read_captioned_folder, read_musiccaps
from evaluation.datasets.song_describer import read_song_describer
from evaluation.suite import recipe

RATE = 16_000
YTID, DASHED = "-0Gj8-vB1q4", "_a-Bc9d0EfG"
FFMPEG = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="needs Debian's ffmpeg")


def sound(seconds: float = 3.2, seed: int = 0) -> np.ndarray:
    times = np.arange(round(RATE * seconds)) / RATE
    noise = np.random.default_rng(seed).normal(size=len(times))
    return (0.3 * np.sin(2 * np.pi * 220 * times) + 0.02 * noise).astype(np.float32)


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


MUSICCAPS_NAMES = [
    "{id}.wav",
    "{id}.flac",
    "{id}.WAV",
    "{id}.mp3",
    "{id}.m4a",
    "{id}.webm",
    "{id}.mp4",
    "{id}.opus",
    "{id}.aac",
    "{id}.aiff",
    "[{id}]-[30-40].wav",
    "[{id}]-[30.5-40.5].flac",
    "{id}_30_40.wav",
    "{id}_30.wav",
    "{id}-30-40.mp3",
    "{id}_30.000_40.000.wav",
    "A Song About Rain [{id}].mp3",
    "A Song (Live) [{id}].webm",
    "Song Title-{id}.m4a",
    "{id} - Song Title.wav",
    "wav/{id}.wav",
    "audio/train/00/{id}.wav",
    "a/b/c/d/[{id}]-[0-10].wav",
]


@pytest.mark.parametrize("name", MUSICCAPS_NAMES)
@pytest.mark.parametrize("ytid", [YTID, DASHED])
def test_musiccaps_clips_are_found_under_every_name(tmp_path: Path, name: str, ytid: str) -> None:
    path = touch(tmp_path / name.format(id=ytid))
    touch(tmp_path / "another_song.wav")
    touch(tmp_path / ".hidden" / f"{ytid}.wav")
    touch(tmp_path / f"._{ytid}.wav")
    assert AudioFolder(tmp_path).find(ytid) == path


TABLES: dict[str, Callable[[], tuple[str, bytes]]] = {
    "csv": lambda: ("t.csv", b"id,caption\n1,a tone\n"),
    "csv with mark": lambda: ("t.csv", "\ufeffid,caption\n1,a tone\n".encode()),
    "csv of windows": lambda: ("t.csv", b'id,caption\r\n1,"a tone"\r\n'),
    "semicolons": lambda: ("t.csv", b"id;caption\n1;a tone\n"),
    "tsv": lambda: ("t.tsv", b"id\tcaption\n1\ta tone\n"),
    "file names": lambda: ("t.csv", b"file_name,text\n1.wav,a tone\n"),
    "paths": lambda: ("t.csv", b"path,prompt\naudio/x/1.wav,a tone\n"),
    "id and path": lambda: ("t.csv", b"path,id,description\naudio/1.wav,1,a tone\n"),
    "capitals": lambda: ("t.csv", b" ID , Caption \n1,a tone\n"),
    "jsonl": lambda: ("t.jsonl", b'{"file_name": "1.wav", "caption": "a tone"}\n'),
    "jsonl with lists": lambda: ("t.jsonl", b'{"id": "1", "text": "a tone", "tags": ["x"]}\n'),
    "json": lambda: ("t.json", b'[{"id": "1", "caption": "a tone"}]'),
    "packed": lambda: (
        "data.jsonl.gz",
        gzip.compress(b'{"path": "c/1.wav", "description": "a tone"}\n'),
    ),
}


@pytest.mark.parametrize("kind", TABLES)
def test_captions_are_read_from_every_table(tmp_path: Path, kind: str) -> None:
    name, content = TABLES[kind]()
    path = touch(tmp_path / "audio" / "1.wav")
    (tmp_path / name).write_bytes(content)
    [item] = read_captioned_folder(tmp_path / name, tmp_path / "audio").items
    assert (item.id, item.caption, item.reference) == ("1", "a tone", path)


@pytest.mark.parametrize("name", ["metadata.csv", "metadata.jsonl", "data.jsonl"])
def test_a_folder_of_hugging_face_holds_its_own_table(tmp_path: Path, name: str) -> None:
    path = touch(tmp_path / "train" / "1.flac")
    row = {"file_name": "train/1.flac", "text": "a tone"}
    csv = "file_name,text\ntrain/1.flac,a tone\n"
    (tmp_path / name).write_text(csv if name.endswith("csv") else json.dumps(row) + "\n")
    [item] = read_captioned_folder(tmp_path, tmp_path).items
    assert item.reference == path


@pytest.mark.parametrize(
    "name", ["{t}.2min.mp3", "{t}.mp3", "00/{t}.2min.mp3", "audio/00/{t}.mp3", "{t}.2min.flac",
             "{t}.wav", "{t}.2min.MP3"],
)  # fmt: skip
def test_song_describer_tracks_are_found(tmp_path: Path, name: str) -> None:
    path = touch(tmp_path / "audio" / name.format(t="1004034"))
    table = tmp_path / "song_describer.csv"
    table.write_text(
        "caption_id,track_id,caption,is_valid_subset,familiarity,artist_id,album_id,path,duration\n"
        "12,1004034,a tone,True,1,2,3,34/1004034.mp3,200\n"
    )
    [item] = read_song_describer(table, tmp_path / "audio").items
    assert (item.id, item.reference_id, item.reference) == ("12", "1004034", path)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_are_the_same_in_either_form(tmp_path: Path, form: str) -> None:
    other = "NFD" if form == "NFC" else "NFC"
    path = touch(tmp_path / f"{unicodedata.normalize(form, 'café déjà')}.wav")
    assert AudioFolder(tmp_path).find(unicodedata.normalize(other, "café déjà")) == path


def test_two_files_of_one_clip_are_named(tmp_path: Path) -> None:
    touch(tmp_path / f"{YTID}_0_10.wav")
    touch(tmp_path / f"{YTID}_30_40.wav")
    with pytest.raises(InputError, match=f"both carry the id {YTID}"):
        AudioFolder(tmp_path).find(YTID)


def test_what_is_not_matched_is_told_with_what_was_expected(tmp_path: Path) -> None:
    for number in range(12):
        touch(tmp_path / f"track-{number:02d}-final.wav")
    hint = AudioFolder(tmp_path).names_hint(["a", "b"])
    assert hint == (
        "; 12 audio files lie there under names like track-00-final.wav; expected a.wav or the like"
    )
    assert "no audio files" in AudioFolder(touch(tmp_path / "e" / "x.txt").parent).names_hint("a")


@pytest.mark.parametrize("name", ["../up.wav", "/etc/a.wav", "a/../../b.wav", "a/b", "a\\b"])
def test_paths_in_tables_stay_inside(tmp_path: Path, name: str) -> None:
    (tmp_path / "t.jsonl").write_text(json.dumps({"path": name, "caption": "a"}) + "\n")
    with pytest.raises(InputError, match="no / or"):
        read_captioned_folder(tmp_path / "t.jsonl")


def test_whole_videos_against_a_table_of_ten_seconds_are_refused(tmp_path: Path) -> None:
    table = tmp_path / "musiccaps-public.csv"
    table.write_text(
        "ytid,start_s,end_s,audioset_positive_labels,aspect_list,caption,author_id,"
        "is_balanced_subset,is_audioset_eval\n"
        f"{YTID},30,40,/m/1,\"['a']\",a tone,1,False,True\n{DASHED},0,10,/m/1,[],b,1,False,True\n"
    )
    for side, seconds in (("real", 40), ("ours", 10)):
        (tmp_path / side).mkdir()
        for number, name in enumerate((YTID, DASHED)):
            soundfile.write(tmp_path / side / f"{name}.wav", sound(seconds, number), RATE)
    plan = Plan(
        "p",
        "p",
        DatasetChoice("musiccaps", table, tmp_path / "real"),
        recipe("offline"),
        (System("ours", Task("text-to-music"), folder=tmp_path / "ours"),),
    )
    dataset = chosen_items(plan.dataset)
    assert len(read_musiccaps(table, tmp_path / "real").items) == 2

    def paired(task: Task) -> PairedSets:
        system = System("ours", task, folder=tmp_path / "ours")
        folders = tmp_path / "ours", tmp_path / "real"
        chosen = plan.recipe
        return pair_sets(system, chosen, dataset.items, *folders, {}, checks_length=True)

    with pytest.raises(InputError, match="whole videos"):
        paired(Task("text-to-music"))
    from evaluation.metrics import Span

    assert paired(Task("text-to-music", reference=Span(0, 10))).counts == "2 of 2"


def test_there_are_thirty_layouts() -> None:
    assert len(MUSICCAPS_NAMES) + len(TABLES) >= 30


def test_unequal_segments_are_refused_before_anything_is_embedded(tmp_path: Path) -> None:
    for side, seconds in (("real", 21.0), ("ours", 19.0)):
        (tmp_path / side).mkdir()
        for name in "ab":
            soundfile.write(tmp_path / side / f"{name}.wav", sound(seconds), RATE)
    (tmp_path / "t.csv").write_text("id,caption\na,x\nb,x\n")
    folders = tmp_path / "ours", tmp_path / "real"
    items = read_captioned_folder(tmp_path / "t.csv", folders[1]).items
    system = System("ours", Task("text-to-music"), folder=folders[0])
    with pytest.raises(InputError, match="segments differ"):
        pair_sets(system, recipe("audiocraft-2023"), items, *folders, {})
    assert pair_sets(system, recipe("sam-2024"), items, *folders, {}).counts == "2 of 2"


def test_weights_that_would_be_refused_are_not_fetched() -> None:
    [told] = [text for text in _missing("630k_fusion") if "630k" in text]
    assert "no published hash" in told and "--fetch takes only files whose hash is known" in told


def _missing(name: str) -> list[str]:
    from evaluation.metrics.models import missing_parts

    return missing_parts(name, fetch=True)
