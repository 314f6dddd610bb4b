"""Dropped music: what a ZIP may and may not do, names, and limits."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from core.errors import FailureError, InputError
from studio.library import training_music
from studio.library.training_music import TrainingMusic

MEGABYTE = 1 << 20


@pytest.fixture
def music(tmp_path) -> TrainingMusic:
    return TrainingMusic(tmp_path / "training", 2 * MEGABYTE)


def archive(path: Path, *entries: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries:
            file.writestr(name, content)
    return path


def names(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_a_zip_comes_out_with_its_folders(music, tmp_path):
    dropped = archive(
        tmp_path / "songs.zip",
        ("album/one.wav", b"1"),
        ("album\\two.wav", b"2"),
        ("captions.csv", b"file,caption"),
        ("__MACOSX/album/._one.wav", b"x"),
        (".DS_Store", b"x"),
    )
    folder = music.take("mine", [dropped])
    assert names(folder) == {"album/one.wav", "album/two.wav", "captions.csv"}
    music.take("mine", [archive(tmp_path / "other.zip", ("new.wav", b"3"))])
    assert names(folder) == {"new.wav"}  # in place of what was there


def link() -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo("song.wav")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    return entry


@pytest.mark.parametrize(
    "name", ["../out.wav", "a/../../out.wav", "/tmp/out.wav", "..\\out.wav", "C:\\out.wav", link()]
)
def test_nothing_is_written_outside(music, tmp_path, name):
    dropped = archive(tmp_path / "bad.zip", ("fine.wav", b"1"), (name, b"/etc/passwd"))
    with pytest.raises(InputError, match="no plain file inside"):
        music.take("mine", [dropped])
    assert names(tmp_path) == {"bad.zip"}  # nothing outside, and nothing half done inside


def test_a_bomb_is_counted_as_it_unpacks(music, tmp_path):
    dropped = archive(tmp_path / "bomb.zip", ("zeros.wav", bytes(64 * MEGABYTE)))
    assert dropped.stat().st_size < MEGABYTE
    with pytest.raises(InputError, match="too large"):
        music.take("mine", [dropped])
    # One that lies about its size: the directory says 10 bytes.
    raw = bytearray(dropped.read_bytes())
    at = raw.rindex(b"PK\x01\x02")
    raw[at + 24 : at + 28] = (10).to_bytes(4, "little")
    dropped.write_bytes(raw)
    with pytest.raises(InputError, match=r"too large|cannot be read"):
        music.take("mine", [dropped])
    assert names(tmp_path) == {"bomb.zip"}


def test_too_many_files(music, tmp_path, monkeypatch):
    monkeypatch.setattr(training_music, "MOST_FILES", 3)
    dropped = archive(tmp_path / "many.zip", *((f"{n}.wav", b"1") for n in range(4)))
    with pytest.raises(InputError, match="more than 3 files"):
        music.take("mine", [dropped])


def test_damaged_encrypted_empty_and_doubled(music, tmp_path):
    whole = archive(tmp_path / "a.zip", ("one.wav", b"1" * 1000))
    (tmp_path / "cut.zip").write_bytes(whole.read_bytes()[:40])
    with pytest.raises(InputError, match="cannot be read"):
        music.take("mine", [tmp_path / "cut.zip"])
    raw = bytearray(whole.read_bytes())
    raw[raw.index(b"PK\x03\x04") + 6] |= 1
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "locked.zip").write_bytes(raw)
    with pytest.raises(InputError, match="encrypted"):
        music.take("mine", [tmp_path / "locked.zip"])
    with pytest.raises(InputError, match="holds no files"):
        music.take("mine", [archive(tmp_path / "empty.zip")])
    with pytest.raises(InputError, match="is in it twice"), pytest.warns(UserWarning):
        music.take("mine", [archive(tmp_path / "b.zip", ("x.wav", b"1"), ("x.wav", b"2"))])
    with pytest.raises(InputError, match="drop a folder or a ZIP"):
        music.take("mine", [])


def test_a_full_disk_is_told(music, tmp_path, monkeypatch):
    monkeypatch.setattr(training_music, "LEAST_FREE_BYTES", 1 << 62)
    with pytest.raises(FailureError, match="full"):
        music.take("mine", [archive(tmp_path / "a.zip", ("one.wav", b"1"))])


def test_files_of_one_name_are_all_kept(music, tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "song.wav").write_bytes(folder.encode())
    folder = music.take("mine", [tmp_path / "one/song.wav", tmp_path / "two/song.wav"])
    assert names(folder) == {"song.wav", "song (2).wav"}


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 65, "a b"])
def test_names_that_are_no_folder(music, name):
    with pytest.raises(InputError, match="letters, digits"):
        music.place(name)
