"""Signed manifests: whole, changed in each way and absent are told apart, in all three formats."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import threading
from pathlib import Path

import c2pa
import mutagen
import numpy as np
import pytest
import soundfile

from core import audio
from core.command import main
from core.errors import FailureError, InputError
from core.provenance import CHANGED, NONE, SOURCE_TYPE, VALID, Provenance, sign, verify
from core.requests.request import GenerationRequest
from core.signing import CHAIN, KEY, Credentials

RATE = 24000
FORMATS = ("wav", "flac", "mp3")
REQUEST = GenerationRequest("calm piano – ♪", 2.0, "nano", seed=7, instruments=("piano",)).as_dict()


@pytest.fixture(autouse=True)
def work(tmp_path_factory, monkeypatch) -> Path:
    """A studio's work folder, certificate included, of each test's own."""
    folder = tmp_path_factory.mktemp("work")
    monkeypatch.setenv("STUDIO_WORK", str(folder))
    return folder


def music(seed: int, seconds: float = 2.0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    time = np.arange(round(RATE * seconds)) / RATE
    notes = draw.integers(40, 80, 8)
    tones = [np.sin(2 * np.pi * 440 * 2 ** ((n - 69) / 12) * time) for n in notes]
    steps = np.repeat(draw.uniform(0.02, 0.15, (8, 16)), -(-len(time) // 16), 1)[:, : len(time)]
    return (np.array(tones) * steps).sum(0).astype(np.float32)


def tags_of(path: Path) -> mutagen.FileType:
    file = mutagen.File(path)
    if file.tags is None:
        file.add_tags()
    return file


def signed(path: Path, samples: np.ndarray, **more) -> Path:
    """A file with a title in its tags, signed."""
    audio.write(path, samples, RATE)
    file = tags_of(path)
    if path.suffix == ".flac":
        file["title"] = "A piece"
    else:
        file.tags.add(mutagen.id3.TIT2(encoding=3, text="A piece"))
    file.save()
    return sign(path, REQUEST, **more)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_whole_file_says_who_made_it_from_what(tmp_path, suffix):
    path = tmp_path / f"piece.{suffix}"
    audio.write(path, music(1), RATE)
    before = audio.read(path).samples
    sign(path, REQUEST)
    found = verify(path)
    assert (found.provenance, found.trusted) == (VALID, True)
    assert found.request == json.loads(json.dumps(REQUEST))
    assert np.array_equal(audio.read(path).samples, before)
    stored = json.loads(c2pa.Reader(str(path)).json())
    actions = next(iter(stored["manifests"].values()))["assertions"][0]["data"]["actions"]
    assert actions[0]["action"] == "c2pa.created"
    assert actions[0]["digitalSourceType"] == SOURCE_TYPE
    assert oct(path.stat().st_mode & 0o777) == "0o644"


@pytest.mark.parametrize("suffix", FORMATS)
def test_each_way_of_changing_a_file_is_told_apart(tmp_path, suffix):
    path = signed(tmp_path / f"piece.{suffix}", music(1))
    assert "A piece" in str(tags_of(path).tags)  # tags stay beside the manifest
    told: dict[str, Provenance] = {"whole": verify(path)}

    manifest = manifest_of(path)
    plain = tmp_path / f"plain.{suffix}"
    changed = music(1)
    changed[RATE] += 2e-3
    audio.write(plain, changed, RATE)
    told["one sample"] = verify(with_manifest(plain, manifest))

    audio.write(plain, music(2), RATE)
    told["another file's"] = verify(with_manifest(plain, manifest))

    stripped = Path(shutil.copy(path, tmp_path / f"stripped.{suffix}"))
    audio.write(stripped, audio.read(path).samples, RATE)
    told["stripped"] = verify(stripped)

    retitled = Path(shutil.copy(path, tmp_path / f"retitled.{suffix}"))
    file = tags_of(retitled)
    if suffix == "flac":
        file["title"] = "Not mine"
    else:
        file.tags.add(mutagen.id3.TIT2(encoding=3, text="Not mine"))
    file.save()
    told["retitled"] = verify(retitled)

    states = {name: found.provenance for name, found in told.items()}
    assert states == {
        "whole": VALID,
        "one sample": CHANGED,
        "another file's": CHANGED,
        "stripped": NONE,
        "retitled": CHANGED,
    }
    assert len({found.reason for found in told.values()}) == len(told)
    assert "belongs to another sound" in told["another file's"].reason
    assert "sound was changed" in told["one sample"].reason
    assert "tags" in told["retitled"].reason


def manifest_of(path: Path) -> bytes:
    """The manifest store inside a signed file."""
    if path.suffix == ".wav":
        data = path.read_bytes()
        at = data.index(b"C2PA")
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        return data[at + 8 : at + 8 + size]
    return mutagen.id3.ID3(path).getall("GEOB")[0].data


def with_manifest(path: Path, manifest: bytes) -> Path:
    """The file with somebody else's manifest in it, and the tags of a signed one."""
    file = tags_of(path)
    if path.suffix == ".flac":
        file["title"] = "A piece"
    else:
        file.tags.add(mutagen.id3.TIT2(encoding=3, text="A piece"))
    file.save()
    if path.suffix == ".wav":
        data = path.read_bytes() + b"C2PA" + len(manifest).to_bytes(4, "little") + manifest
        data += b"\0" * (len(data) % 2)
        path.write_bytes(data[:4] + (len(data) - 8).to_bytes(4, "little") + data[8:])
        return path
    tags = mutagen.id3.ID3(path) if path.suffix == ".mp3" else mutagen.id3.ID3()
    tags.add(mutagen.id3.GEOB(mime="application/c2pa", desc="c2pa manifest store", data=manifest))
    tags.save(path)
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_damaged_manifest_is_a_change_and_never_an_exception(tmp_path, suffix):
    path = signed(tmp_path / f"piece.{suffix}", music(1))
    whole, manifest, data = verify(path), manifest_of(path), path.read_bytes()
    at = data.index(manifest[:64])
    draw = np.random.default_rng(0)
    said = data.index(b'"calm piano') + 1
    for where in [said, *(at + draw.integers(16, len(manifest), 30))]:
        broken = bytearray(data)
        broken[where] ^= 1 << int(draw.integers(0, 8))
        path.write_bytes(broken)
        found = verify(path)
        # A bit of the signature's padding says nothing, and is not signed.
        assert found == whole or found.provenance in (CHANGED, NONE)
        assert found != whole or where != said


@pytest.mark.parametrize("source", ["upload.wav", "upload.mp3", "upload.ogg"])
def test_a_continued_upload_is_an_ingredient(tmp_path, source):
    upload = audio.write(tmp_path / source, music(3), RATE)
    path = signed(tmp_path / "piece.flac", music(1), ingredient=upload)
    found = verify(path)
    assert (found.provenance, found.ingredients) == (VALID, (source,))


def test_another_studio_s_file_is_whole_but_not_trusted(tmp_path, monkeypatch):
    path = signed(tmp_path / "piece.wav", music(1))
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "elsewhere"))
    found = verify(path)
    assert (found.provenance, found.trusted) == (VALID, False)
    assert not (tmp_path / "elsewhere" / "signing").exists()  # reading makes no certificate


def test_the_certificate_is_made_once_and_its_key_is_private(work):
    first = Credentials.of_studio()
    assert Credentials.of_studio() == first
    assert (work / "signing").stat().st_mode & 0o077 == 0
    assert (work / "signing" / KEY).stat().st_mode & 0o077 == 0


def test_the_operator_s_own_certificate_signs(tmp_path, monkeypatch):
    own = Credentials.of_studio()
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / CHAIN).write_bytes(own.chain)
    (folder / KEY).write_bytes(own.key)
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("STUDIO_SIGNING", str(folder))
    path = signed(tmp_path / "piece.mp3", music(1))
    assert verify(path).trusted
    assert verify(path, own).trusted
    (folder / KEY).write_text("no key")
    with pytest.raises(InputError, match="signing certificate"):
        sign(path, REQUEST)
    monkeypatch.setenv("STUDIO_SIGNING", str(tmp_path / "gone"))
    with pytest.raises(InputError, match="signing certificate"):
        sign(path, REQUEST)


def test_reading_asks_nobody(tmp_path):
    """A manifest that names a server is not fetched from there."""
    asked: list[str] = []

    class Server(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        plain = audio.write(tmp_path / "plain.wav", music(1), RATE)
        made = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}
        actions = {"label": "c2pa.actions.v2", "data": {"actions": [made]}}
        builder = c2pa.Builder({"claim_generator_info": [{"name": "x"}], "assertions": [actions]})
        builder.set_no_embed()
        builder.set_remote_url(f"http://127.0.0.1:{server.server_port}/manifest")
        path = tmp_path / "remote.wav"
        with open(plain, "rb") as source, open(path, "wb+") as target:
            builder.sign(Credentials.of_studio().signer(), "audio/wav", source, target)
        assert b"/manifest" in path.read_bytes()
        assert verify(path).provenance in (NONE, CHANGED)
        assert asked == []
    finally:
        server.shutdown()
        server.server_close()


def test_what_cannot_be_signed_or_read_is_said(tmp_path):
    ogg = audio.write(tmp_path / "piece.ogg", music(1), RATE)
    with pytest.raises(InputError, match="format .ogg"):
        sign(ogg, REQUEST)
    for path in (ogg, tmp_path / "gone.wav"):
        with pytest.raises(InputError, match="audio file"):
            verify(path)
    (tmp_path / "text.wav").write_text("no sound at all")
    with pytest.raises(InputError, match="audio file"):
        verify(tmp_path / "text.wav")


def test_a_failed_signing_leaves_the_file_as_it_was(tmp_path, monkeypatch):
    path = audio.write(tmp_path / "piece.wav", music(1), RATE)
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(FailureError, match="could not be signed"):
        sign(path, REQUEST)
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["piece.wav"]


def test_the_command_line_says_it_in_one_line(tmp_path, capsys):
    path = signed(tmp_path / "piece.flac", music(1))
    assert main(["verify", str(path), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["provenance"] == "valid" and said["request"]["seed"] == 7
    assert main(["verify", str(path)]) == 0
    assert "valid" in capsys.readouterr().out
    soundfile.write(path, music(1), RATE)
    assert main(["verify", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["provenance"] == "none"
    assert main(["verify", str(tmp_path / "gone.wav")]) == 2
