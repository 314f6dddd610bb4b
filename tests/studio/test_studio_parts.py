"""Rules of the studio that need no model."""

from __future__ import annotations

import json
import logging
import os
import shutil
import socket
import tempfile
import threading
import time
import tracemalloc
from io import BytesIO
from types import SimpleNamespace

import mutagen
import numpy as np
import pytest
import soundfile
from fastapi import APIRouter, FastAPI
from fastapi.testclient import TestClient
from PIL import Image
from scipy.signal import stft

from core import audio, provenance
from core.errors import FailureError, InputError
from core.requests.request import AudioPrompt, GenerationRequest
from studio import command, context
from studio.api import comparison_routes as comparison_routes
from studio.api.heavy_work import HeavyWork
from studio.api.people import COOKIE, person_of
from studio.context import Studio
from studio.library import comparison, downloads
from studio.library.library import Library
from studio.library.peaks import peaks
from studio.library.uploads import accept
from studio.settings import Settings
from studio.tabs import plots

ANNE, BEN = "a" * 32, "b" * 32
RATE = 24000


@pytest.fixture
def library(tmp_path) -> Library:
    return Library(tmp_path / "people", 10**8, 3600.0)


def keep(library: Library, person: str, prompt: str = "a tune", level: float = 0.2) -> str:
    identity, file = library.new_result(person, set())
    samples = (level * np.sin(np.arange(RATE) * 0.1)).astype(np.float32)
    audio.write(file, samples, RATE)
    library.keep(
        person,
        identity,
        GenerationRequest(prompt, 1.0, seed=7),
        {"seconds": 1.0, "peaks": peaks(samples)},
    )
    return identity


def test_nobody_reaches_another_persons_folder(library):
    identity = keep(library, ANNE)
    for person, name in ((BEN, identity), (ANNE, "../" + identity), (ANNE, identity + "/..")):
        with pytest.raises(InputError):
            library.sound(person, name)
    with pytest.raises(InputError):
        library.upload(ANNE, f"../results/{identity}/sound.wav")
    with pytest.raises(InputError):
        library.records("..")
    assert person_of({"studio_person": "../../etc"}) is None


def test_old_and_unfinished_music_is_swept(library):
    old, kept = keep(library, ANNE), keep(library, BEN)
    os.utime(library.folder / ANNE / "results" / old, (0, 0))
    library.sweep(needed=set())
    assert library.records(ANNE) == [] and library.records(BEN)[0].id == kept


def test_deleting_all_leaves_what_a_job_still_needs(library, tmp_path):
    keep(library, ANNE)
    others = keep(library, BEN)
    sound = audio.write(tmp_path / "given.wav", np.full(RATE, 0.1, np.float32), RATE)
    used, unused = (library.new_upload(ANNE, sound, ".wav", set()) for _ in range(2))
    unfinished, _ = library.new_result(ANNE, set())
    library.delete_all(ANNE, {unfinished, used})
    assert library.records(ANNE) == [] and library.upload(ANNE, used).is_file()
    assert (library.folder / ANNE / "results" / unfinished).is_dir()
    with pytest.raises(InputError, match="no longer kept"):
        library.upload(ANNE, unused)
    assert library.sound(BEN, others).is_file()


@pytest.mark.parametrize("channels, rate", [(1024, 8000), (1, 600_000)])
def test_a_small_file_that_would_fill_the_memory_is_refused(library, tmp_path, channels, rate):
    file = tmp_path / "many.wav"
    soundfile.write(file, np.full((2 * rate, channels), 0.1, np.float32), rate, "PCM_U8")
    with pytest.raises(InputError, match="stereo at 96 kHz at most"):
        accept(library, ANNE, file, 20.0, set())


def test_a_file_damaged_after_its_header_is_refused(library, tmp_path):
    whole = tmp_path / "whole.flac"
    soundfile.write(whole, 0.1 * np.random.default_rng(0).normal(size=4 * RATE), RATE)
    half = tmp_path / "half.flac"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match="not sound that can be read"):
        accept(library, ANNE, half, 20.0, set())


def test_old_uploads_that_nothing_names_make_room(library, tmp_path):
    sound = audio.write(tmp_path / "given.wav", np.full(RATE, 0.1, np.float32), RATE)
    names = []
    for i in range(6):
        names.append(library.new_upload(ANNE, sound, ".wav", set()))
        os.utime(library.upload(ANNE, names[-1]), (i, i))
    told, waiting, oldest, second, kept, youngest = names
    identity, file = library.new_result(ANNE, set())
    shutil.copyfile(sound, file)
    library.keep(
        ANNE,
        identity,
        GenerationRequest("", 1.0, audio=AudioPrompt(str(library.upload(ANNE, told)))),
        {},
    )
    size = sound.stat().st_size
    library.person_bytes = int(5.5 * size)  # there are seven, and folders and a record
    library.new_upload(ANNE, sound, ".wav", {waiting})
    for name in (told, waiting, kept, youngest):
        assert library.upload(ANNE, name).is_file()
    for name in (oldest, second):
        with pytest.raises(InputError, match="no longer kept"):
            library.upload(ANNE, name)
    library.person_bytes = size  # nothing that could go is enough
    with pytest.raises(FailureError, match="delete some in History"):
        library.new_result(ANNE, {waiting})


def test_making_room_spares_the_sound_of_the_piece_that_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    monkeypatch.setattr(context.variants, "installed", lambda variant: True)
    studio = Studio(Settings())
    library = studio.library
    sound = audio.write(tmp_path / "given.wav", np.full(RATE, 0.1, np.float32), RATE)
    asked, other, youngest = (library.new_upload(ANNE, sound, ".wav", set()) for _ in range(3))
    for at, name in enumerate((asked, other, youngest)):
        os.utime(library.upload(ANNE, name), (at, at))
    library.person_bytes = int(2.9 * sound.stat().st_size)
    studio.submit(
        ANNE,
        GenerationRequest("", 1.0, "nano", audio=AudioPrompt(str(library.upload(ANNE, asked)))),
    )
    assert library.upload(ANNE, asked).is_file() and library.upload(ANNE, youngest).is_file()
    with pytest.raises(InputError):
        library.upload(ANNE, other)


def test_what_goes_away_meanwhile_ends_no_sweep(library, monkeypatch, tmp_path):
    old = [library.folder / ANNE / "results" / keep(library, ANNE) for _ in range(2)]
    for path in old:
        os.utime(path, (0, 0))
    remove = shutil.rmtree

    def late(path, **options):  # somebody else was faster
        remove(path)
        remove(path, **options)

    monkeypatch.setattr(shutil, "rmtree", late)
    library.sweep(needed=set())
    assert not any(path.exists() for path in old)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"{downloads.PREFIX}gone.wav").symlink_to(tmp_path / "nothing")
    forgotten = tmp_path / f"{downloads.PREFIX}old.wav"
    forgotten.touch()
    os.utime(forgotten, (0, 0))
    downloads.sweep()
    assert not forgotten.exists()


def test_a_sweep_that_fails_is_not_the_last(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("STUDIO_WORK", str(tmp_path))
    monkeypatch.setattr(context, "SWEEP_SECONDS", 0.01)
    studio, again, asked = Studio(Settings()), threading.Event(), []

    def sweep(needed):
        asked.append(needed)
        if len(asked) == 1:
            raise OSError("nobody foresaw this")
        again.set()

    monkeypatch.setattr(studio.library, "sweep", sweep)
    with caplog.at_level(logging.ERROR, "studio"):
        studio._sweeper.start()
        assert again.wait(60)
    studio._stopping.set()
    assert "nobody foresaw this" in caplog.text


@pytest.mark.parametrize("suffix", downloads.FORMATS)
def test_downloads_say_what_they_are(library, suffix):
    identity = keep(library, ANNE, "crème brûlée <b>")
    file = downloads.tagged(library.record(ANNE, identity), library.sound(ANNE, identity), suffix)
    tags = mutagen.File(file).tags
    text = str({k: str(v) for k, v in dict(tags).items()})
    found = provenance.verify(file)
    file.unlink()
    assert (found.provenance, found.trusted) == ("valid", True)
    assert found.request is not None and found.request["seed"] == 7
    assert "AI-generated" in text and '"seed": 7' in text and "crème brûlée <b>" in text


def test_comparison_levels_and_differences(library):
    ids = [keep(library, ANNE, "one", 0.4), keep(library, ANNE, "two", 0.1)]
    told = comparison.compare([(library.record(ANNE, i), library.sound(ANNE, i)) for i in ids])
    loud, soft = told["tracks"]
    assert abs(loud["gain_db"] + 12.04) < 0.1 and soft["gain_db"] == 0
    assert [row["setting"] for row in told["differing"]] == ["prompt"]


def test_the_spectrogram_shows_a_tone_where_it_is():
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    png = plots.spectrogram(audio.Sound(tone[None], RATE), seconds=2.0, width=200, height=100)
    light = np.asarray(Image.open(BytesIO(png)).convert("L"), float)
    row = light[:, 20:80].mean(axis=1).argmax()
    hertz = np.geomspace(plots.HIGHEST_HZ, plots.LOWEST_HZ, 100)[row]
    assert 850 < hertz < 1150 and light[:, 120:].max() < light[row, 50] / 3


def test_the_spectrogram_is_that_of_the_whole_sound():
    draw = np.random.default_rng(0)
    samples = (0.1 * draw.normal(size=(2, 3 * RATE + 100))).astype(np.float32)
    samples[:, RATE : 2 * RATE] *= 0.01
    width, height, window = 137, 60, 1024
    png = plots.spectrogram(audio.Sound(samples, RATE), 0.0, width, height)
    picture = np.asarray(Image.open(BytesIO(png)), int)
    _, _, spectrum = stft(samples.mean(axis=0), RATE, nperseg=window, noverlap=window // 2)
    columns = np.linspace(0, spectrum.shape[1] - 1, width).round().astype(int)
    level = 20 * np.log10(np.abs(spectrum[:, columns]) + 1e-7)
    level = np.clip((level - level.max()) / plots.RANGE_DB + 1, 0, 1)
    rows = np.round(np.geomspace(plots.HIGHEST_HZ, plots.LOWEST_HZ, height) * window / RATE)
    inside = rows < len(level)
    colours = np.stack(
        [
            np.interp(
                level[rows[inside].astype(int)],
                np.linspace(0, 1, len(plots.COLOURS)),
                plots.COLOURS[:, c],
            )
            for c in range(3)
        ],
        axis=-1,
    )
    assert np.abs(picture[inside] - colours.astype(int)).max() <= 1


def test_the_spectrogram_of_a_long_piece_takes_little_memory():
    sound = audio.Sound(np.full((1, 240 * 48000), 0.1, np.float32), 48000)
    tracemalloc.start()
    plots.spectrogram(sound, 240.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 120e6


def test_whole_pieces_are_read_one_at_a_time(library, monkeypatch):
    key = "k" * 43
    person = person_of({COOKIE: key})
    identity = keep(library, person)
    read, inside, most = audio.read, [], []

    def slow(file):
        inside.append(file)
        most.append(len(inside))
        time.sleep(0.2)
        inside.pop()
        return read(file)

    monkeypatch.setattr(audio, "read", slow)
    app, router = FastAPI(), APIRouter()
    comparison_routes.add(router, SimpleNamespace(library=library, heavy=HeavyWork()))
    app.include_router(router)
    client = TestClient(app, cookies={COOKIE: key})
    asked = [f"/results/{identity}/spectrogram.png"] * 2 + [f"/compare?ids={identity},{identity}"]
    answers = []
    threads = [
        threading.Thread(
            target=lambda path: answers.append(client.get(path).status_code), args=(path,)
        )
        for path in asked
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 3 and most == [1] * 4


def test_settings_come_from_the_environment():
    assert Settings.from_environment({"STUDIO_PORT": "81"}).port == 81
    for wrong in ({"STUDIO_PORT": "http"}, {"STUDIO_EXECUTOR": "moon"}, {"STUDIO_VARIANT": "x"}):
        with pytest.raises(InputError):
            Settings.from_environment(wrong)


def test_a_record_holds_no_path_of_the_machine(library, tmp_path):
    identity = keep(library, ANNE)
    assert str(tmp_path) not in json.dumps(library.record(ANNE, identity).request)


def test_a_port_that_is_taken_is_named(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert command.main(["--host", "127.0.0.1", "--port", str(port)]) == 2
    assert f"port {port} of 127.0.0.1: cannot be listened on" in capsys.readouterr().err
    assert command.main(["--port", "99999"]) == 2
    assert "choose another with --port" in capsys.readouterr().err


def test_a_wrong_certificate_is_said_at_the_start(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("STUDIO_SIGNING", str(tmp_path / "gone"))
    monkeypatch.setattr(command, "_require_port", lambda settings: None)
    assert command.main([]) == 2
    assert "signing certificate" in capsys.readouterr().err
