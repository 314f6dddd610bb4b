"""Decoding, truncation, tags, splits and crashes, one file at a time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import mutagen
import mutagen.id3
import numpy as np
import pytest
import soundfile

from core.errors import InputError
from trainers.preparation.captioning.tags import read_tags
from trainers.preparation.captioning.templates import template_captions
from trainers.preparation.decoding import decode
from trainers.preparation.measuring import content_id
from trainers.preparation.records import Description
from trainers.preparation.splits import song_keys, splits, together
from trainers.preparation.workers import run_each

RATE = 44_100
KINDS = {
    "a.wav": {},
    "a.flac": {},
    "a.mp3": {},
    "a.ogg": {},
    "a.aiff": {},
    "a.opus": {"format": "OGG", "subtype": "OPUS"},
}


def noise(path: Path, seconds: float = 4.0, **kind) -> Path:
    rate = 48_000 if path.suffix == ".opus" else RATE
    sound = np.random.default_rng(0).uniform(-0.3, 0.3, (round(seconds * rate), 2))
    soundfile.write(path, sound, rate, **kind)
    return path


@pytest.mark.parametrize("name", KINDS)
def test_whole_files_decode_and_halves_are_named(tmp_path, name):
    path = noise(tmp_path / name, **KINDS[name])
    decoded = decode(path)
    assert decoded.channels == 2 and decoded.mono.ndim == 1
    assert len(decoded.mono) / decoded.sample_rate == pytest.approx(4.0, abs=0.1)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError) as error:
        decode(path)
    assert "truncated" in error.value.hint or "decoded" in error.value.hint


def test_streamed_wav_of_unknown_size_is_whole(tmp_path):
    """Programs that write to a pipe leave the sizes at their greatest."""
    path = noise(tmp_path / "a.wav")
    content = bytearray(path.read_bytes())
    at = content.index(b"data") + 4
    content[4:8] = content[at : at + 4] = b"\xff" * 4
    path.write_bytes(content)
    assert len(decode(path).mono) == 4 * RATE


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="Debian package ffmpeg is not installed")
def test_m4a_comes_through_ffmpeg(tmp_path):
    import subprocess

    path = noise(tmp_path / "-a b.wav")
    subprocess.run(
        [
            "ffmpeg",
            "-v",
            "error",
            "-i",
            f"file:{path}",
            "-c:a",
            "aac",
            f"file:{tmp_path / 'x.m4a'}",
        ],
        check=True,
    )
    assert len(decode(tmp_path / "x.m4a").mono) / RATE == pytest.approx(4.0, abs=0.1)
    (tmp_path / "list.m4a").write_text(f"#EXTM3U\n#EXTINF:4,\nfile:{path}\n")
    with pytest.raises(InputError, match="cannot be decoded"):
        decode(tmp_path / "list.m4a")


def test_copies_share_an_id_and_others_do_not():
    sound = np.random.default_rng(1).uniform(-1, 1, 5000).astype(np.float32)
    assert content_id(sound, 44_100) == content_id(sound.copy(), 44_100)
    assert content_id(sound, 44_100) != content_id(sound, 48_000)
    assert content_id(sound, 44_100) != content_id(sound[:-1], 44_100)


def test_splits_are_stable_and_never_empty_without_need():
    names = [f"piece-{n}" for n in range(400)]

    def splits_of(chosen, validation, test):
        return splits({name: name for name in chosen}, validation, test)

    found = splits_of(names, 0.1, 0.1)
    shares = [sum(s == kind for s in found.values()) / 400 for kind in ("validation", "test")]
    assert all(0.05 < share < 0.15 for share in shares)
    fewer = splits_of(names[:300], 0.1, 0.1)
    assert all(found[name] == split for name, split in fewer.items())
    assert sorted(splits_of(names[:3], 0.001, 0.001).values()) == ["test", "train", "validation"]
    assert list(splits_of(names[:1], 0.001, 0.001).values()) == ["train"]
    assert set(splits_of(names[:5], 0, 0).values()) == {"train"}


@pytest.mark.parametrize(
    "other",
    [
        "a/song.ogg",
        "a/Song.FLAC",
        "a/song_1.wav",
        "a/song-02.wav",
        "a/song (2).wav",
        "a/song part 3.wav",
        "a/song_part03.wav",
        "a/song (Part 3).wav",
        "a/song, part 4.wav",
    ],
)
def test_files_of_a_song_share_a_key(other):
    assert song_keys("a/song.wav") & song_keys(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a/song.wav", "b/song.wav"),
        ("symphony 4.wav", "symphony 5.wav"),
        ("01.wav", "02.wav"),
        ("_1.wav", "(2).wav"),
        ("live-1986.wav", "live-1987.wav"),
        ("song.wav", "song party.wav"),
    ],
)
def test_other_songs_share_no_key(one, other):
    assert not song_keys(one) & song_keys(other)


def test_a_group_stands_for_the_part_number_but_not_for_the_name():
    assert song_keys("a.wav", "x") & song_keys("b.wav", "x")
    assert not song_keys("a_1.wav", "x") & song_keys("a_2.wav", "y")
    assert song_keys("a.wav", "x") & song_keys("a.ogg")


def test_what_shares_a_key_through_others_is_together():
    assert together({"c": "xy", "a": "z", "b": "yz", "d": "w"}) == {
        "a": "a",
        "b": "a",
        "c": "a",
        "d": "d",
    }


def test_tags_by_any_name(tmp_path):
    flac = noise(tmp_path / "a.flac")
    file = mutagen.File(flac)
    file.update({"GENRE": "Jazz", "bpm": "120", "license": "CC BY", "comment": "Ripped by X 1.0"})
    file.save()
    assert (tags := read_tags(flac)).genre == "Jazz" and tags.tempo == "120"
    assert tags.licence == "CC BY" and tags.description == ""
    for name in ("a.mp3", "a.wav"):
        path = noise(tmp_path / name)
        file = mutagen.File(path)
        file.add_tags()
        file.tags.add(mutagen.id3.TCON(text="(17)"))
        file.tags.add(mutagen.id3.TKEY(text="Am"))
        file.tags.add(mutagen.id3.COMM(lang="eng", text="slow blues with\nslide guitar"))
        file.save()
        tags = read_tags(path)
        assert (tags.genre, tags.key) == ("Rock", "Am")
        assert tags.description == "slow blues with slide guitar"
    (tmp_path / "b.mp3").write_bytes(b"ID3\x04\x00\xff\x7f\x7f\x7f\x7fTCON garbage")
    assert read_tags(tmp_path / "b.mp3").genre == ""


@pytest.mark.parametrize(
    ("field", "given", "kept"),
    [
        ("bpm", "0", ""),
        ("bpm", "20", ""),
        ("bpm", "400", ""),
        ("bpm", "nan", ""),
        ("bpm", "fast", ""),
        ("bpm", "127.98", "127.98"),
        ("initialkey", "8A", ""),
        ("initialkey", "o", ""),
        ("initialkey", "H minor", ""),
        ("initialkey", "Bb", "Bb"),
        ("initialkey", "F#m", "F#m"),
        ("initialkey", "C Minor", "C Minor"),
        ("initialkey", "E maj", "E maj"),
    ],
)
def test_tempos_and_keys_that_are_none_are_dropped(tmp_path, field, given, kept):
    path = noise(tmp_path / "a.flac", seconds=0.1)
    file = mutagen.File(path)
    file.update({"GENRE": "Jazz", field: given})
    file.save()
    tags = read_tags(path)
    assert (tags.tempo if field == "bpm" else tags.key) == kept
    (first, *_) = template_captions(Description(path, tags, 0.1))
    shown = f"{kept} BPM" if field == "bpm" else kept
    assert first == (f"jazz, {shown}" if kept else "jazz")


def crash_on_three(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number * 2


@pytest.mark.parametrize("workers", [1, 2])
def test_a_crashing_worker_costs_only_its_item(workers):
    found = dict(run_each(crash_on_three, list(range(7)), workers))
    assert found == {n: None if n == 3 else 2 * n for n in range(7)}
