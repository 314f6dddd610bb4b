"""Files as people really have them: every layout is found, and every bad file is named and left
out while the rest goes on."""

from __future__ import annotations

import gzip
import json
import shutil
import struct
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from core.errors import InputError
from evaluation.benchmark import DatasetChoice, Plan, System, Task, preflight
from evaluation.benchmark.items import chosen_items
from evaluation.benchmark.paired_sets import PairedSets, pair_sets
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


# Bad files: name -> what writes it, and the problem under which it is named.


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


STEREO = np.stack([sound(), -sound()], axis=1)
WHOLE = slice(None)
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


def test_there_are_thirty_layouts_and_forty_bad_files() -> None:
    assert len(MUSICCAPS_NAMES) + len(TABLES) >= 30
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
