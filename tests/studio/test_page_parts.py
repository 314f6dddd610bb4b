"""Parts of the page that need no browser: its weight, what is pinned, lists, links, formats."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import pickle
import random
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from core import variants
from core.errors import Cancelled, FailureError, InputError
from core.requests.request import AudioPrompt, Edit, GenerationRequest
from studio.api import sound_routes
from studio.context import web_folder
from studio.jobs.batches import MOST_PROMPTS, Batches, prompts_of
from studio.jobs.job import Job
from studio.jobs.kinds import GENERATION
from studio.library import discarded, prompt_ideas
from studio.library.library import Library
from studio.library.shares import VALID_SECONDS, Shares
from studio.library.transcoding import readable

ANNE, BEN = "a" * 32, "b" * 32
RATE = 8000
# wavesurfer.js 8.0.1 with its plugins regions and record, bundled by esbuild.
WAVESURFER = "817cda5bd84e65a3b4fc1d32b41c517a12b84ce24d55a923ae309be91f320077"


def test_the_waveform_library_is_the_pinned_one():
    vendor = web_folder() / "vendor"
    found = hashlib.sha256((vendor / "wavesurfer.js").read_bytes()).hexdigest()
    assert found == WAVESURFER
    assert "BSD 3-Clause" in (vendor / "wavesurfer-LICENSE.txt").read_text()


@pytest.fixture
def library(tmp_path) -> Library:
    return Library(tmp_path / "people", 10**9, 1e9)


def keep(library: Library, person: str) -> str:
    identity, file = library.new_result(person, set())
    soundfile.write(file, [0.0, 0.1] * 400, 8000)
    library.keep(person, identity, GenerationRequest("house", 1.0, seed=1), {"seconds": 0.1})
    return identity


def test_deleted_results_come_back_for_a_while(library):
    identity = keep(library, ANNE)
    discarded.discard_result(library, ANNE, identity)
    assert library.records(ANNE) == []
    with pytest.raises(InputError):
        discarded.restore(library, BEN, identity)
    assert discarded.restore(library, ANNE, identity) == 1
    assert [r.id for r in library.records(ANNE)] == [identity]
    discarded.discard_all(library, ANNE, set())
    discarded.purge(library, time.time() + discarded.UNDO_SECONDS + 1)
    assert discarded.restore(library, ANNE) == 0 and library.records(ANNE) == []


def test_a_link_opens_one_piece_until_it_is_revoked_or_over(library, monkeypatch):
    shares, identity = Shares(library), keep(library, ANNE)
    token, share = shares.create(ANNE, identity)
    assert shares.create(ANNE, identity)[0] == token and shares.find(token)[0].id == identity
    with pytest.raises(InputError):
        shares.create(BEN, identity)
    for wrong in ("x", token[:-1] + "!", "../../people"):
        with pytest.raises(InputError):
            shares.find(wrong)
    shares.revoke(BEN, identity)
    assert shares.find(token)
    shares.revoke(ANNE, identity)
    with pytest.raises(InputError):
        shares.find(token)
    token, _ = shares.create(ANNE, identity)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + VALID_SECONDS + 1)
    with pytest.raises(InputError):
        shares.find(token)


def job_of(tmp_path, request: GenerationRequest) -> Job:
    job = Job("1" * 24, 1, GENERATION, ANNE, request, tmp_path / "sound.wav")
    job.sample_rate = RATE
    return job


def test_a_job_is_heard_as_a_wav_of_its_final_length(tmp_path):
    job = job_of(tmp_path, GenerationRequest("house", 2.0, seed=1))
    made = np.arange(RATE, dtype="<i2")  # half of it
    job.live.write_bytes(made.tobytes())
    job.state, job.sound_bytes = "failed", made.nbytes
    whole = sound_routes.HEADER_BYTES + 2 * 2 * RATE

    def sent(start: int, count: int) -> bytes:
        async def collect() -> bytes:
            return b"".join([part async for part in sound_routes._wav(job, whole, start, count)])

        with ThreadPoolExecutor(1) as threads:  # a browser of other tests keeps a loop on this one
            return threads.submit(asyncio.run, collect()).result()

    samples, rate = soundfile.read(BytesIO(sent(0, whole)), dtype="int16")
    assert (rate, len(samples)) == (RATE, 2 * RATE)
    assert np.array_equal(samples[:RATE], made) and not samples[RATE:].any()
    for start, count in ((0, 10), (40, 8), (1000, 500), (whole - 3, 3)):  # as ranges ask
        assert sent(start, count) == sent(0, whole)[start : start + count]


def test_what_is_continued_is_heard_from_shortly_before_the_join(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.zeros(20 * RATE), RATE)
    given = AudioPrompt(str(tmp_path / "a.wav"), 2.0)
    job = job_of(tmp_path, GenerationRequest("", 5.0, seed=1, audio=given))
    assert sound_routes.given_seconds(job) == 18 and sound_routes.whole_seconds(job) == 23
    only_new = dataclasses.replace(given, only_new=True)
    job = job_of(tmp_path, GenerationRequest("", 5.0, seed=1, audio=only_new))
    assert sound_routes.given_seconds(job) == 0 and sound_routes.whole_seconds(job) == 5
    whole = AudioPrompt(str(tmp_path / "a.wav"))
    edit = GenerationRequest("x", seconds=None, seed=1, audio=whole, edit=Edit(redo=(2.0, 4.0)))
    assert sound_routes.whole_seconds(job_of(tmp_path, edit)) == 20


def test_prompts_come_as_lines_or_as_a_table():
    assert prompts_of("a, b\n\n c ") == ["a, b", "c"]
    assert prompts_of('id,prompt\n1,"a, b"\n2,c\n') == ["a, b", "c"]
    assert prompts_of("\ufeffCaption\nx") == ["x"]
    for wrong in ("", "id,prompt\n1,", "x\n" * (MOST_PROMPTS + 1)):
        with pytest.raises(InputError):
            prompts_of(wrong)


def test_a_list_waits_for_room_and_can_be_stopped():
    jobs, tries = [], []

    def submit(person, request):
        tries.append(request)
        if len(tries) == 1:
            raise FailureError("jobs of yours", 8, "are waiting")
        jobs.append(SimpleNamespace(id=f"{len(jobs)}", active=True, state="running"))
        return jobs[-1]

    def end(person, identity):
        jobs[int(identity)].active, jobs[int(identity)].state = False, "cancelled"

    batches = Batches(submit, end)
    identity = batches.start(ANNE, ["a", "b", "c"])
    with pytest.raises(InputError):
        batches.start(ANNE, ["d"])
    with pytest.raises(InputError):
        batches.get(BEN, identity)
    _until(lambda: len(jobs) == 1)
    jobs[0].active, jobs[0].state = False, "done"
    _until(lambda: len(jobs) == 2)
    batches.stop(ANNE, identity)
    state = batches.get(ANNE, identity).as_dict()
    assert (state["total"], state["done"], state["failed"], state["active"]) == (3, 1, 1, False)
    assert state["ids"] == ["0"] and batches.newest(ANNE) == identity


def _until(holds) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.05)


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
@pytest.mark.parametrize("suffix, codec", [(".m4a", "aac"), (".webm", "libopus")])
def test_recordings_of_telephones_and_browsers_are_read(tmp_path, suffix, codec):
    wav, file = tmp_path / "a.wav", tmp_path / f"a{suffix}"
    soundfile.write(wav, [0.0, 0.3, 0.0, -0.3] * 24000, 48000)
    command = ["ffmpeg", "-v", "error", "-i", str(wav), "-c:a", codec, str(file)]
    subprocess.run(command, check=True)
    with readable(file, 2) as sound:
        assert abs(soundfile.info(sound).duration - 2) < 0.1
    with readable(wav, 2) as sound:
        assert sound == wav


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_a_playlist_leads_nowhere(tmp_path):
    secret, list_ = tmp_path / "secret.wav", tmp_path / "list.m3u8"
    soundfile.write(secret, [0.0, 0.3] * 48000, 48000)
    list_.write_text(f"#EXTM3U\n#EXTINF:2,\n{secret}\n#EXT-X-ENDLIST\n")
    with readable(list_, 2) as sound:
        assert sound == list_  # unread, for `accept` to refuse


def test_ideas_are_what_the_model_was_measured_to_do_well():
    names = {idea.name for idea in prompt_ideas.styles(variants.get("nano"))}
    assert "house" in names and "string quartet" not in names
    drawn = {prompt_ideas.draw(variants.get("nano"), random.Random(i)) for i in range(20)}
    assert len(drawn) > 10 and all("bpm" in prompt for prompt in drawn)


def test_an_error_of_a_worker_arrives_whole():
    for error in (Cancelled(), FailureError("disk", "", "is full"), InputError("x", 1, "no")):
        come = pickle.loads(pickle.dumps(error))  # noqa: S301 - as a worker's connection does
        assert type(come) is type(error) and come.as_dict() == error.as_dict()
