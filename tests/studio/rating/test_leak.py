"""From what the server sends, but the sound itself, no script tells whose clip it is."""

from __future__ import annotations

import math
import random
import shutil
import statistics
import time
from collections import Counter
from difflib import SequenceMatcher
from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient
from rating_visit import open_study, rating_app, work_folder_of_its_own

from evaluation.listening import RatingService, Store, new_token, prepare
from studio.rating import Studies

SYSTEMS, ITEMS = 3, 10
HEADER_BYTES = 44
REPEATS = 5
CHANCE_LIMIT = 1e-6  # a blinded study fails once in a million runs


def heard_clips(client, name):
    """{clip name: JSON of its trial} of everything one rater is handed, and the page."""
    page, token = client.get(f"/rate?study={name}").text, new_token()
    given = {"study": name, "token": token}
    view, seen = client.post("/listening_start", json=given | {"consent": True}).json(), {}
    while view["state"] == "trial":
        trial = view["trial"]
        for clip in trial["clips"]:
            seen[clip] = trial
        view = client.post(
            "/listening_answer", json=given | {"trial_id": trial["id"], "scores": {"overall": 3}}
        ).json()
    return page, seen


def features(client, name, clips):
    """What a script may look at, for every clip."""
    times = {clip: [] for clip in clips}
    for _ in range(REPEATS):
        order = sorted(clips)
        random.shuffle(order)
        for clip in order:
            began = time.perf_counter()
            client.get(f"/rate/clips/{name}/{clip}")
            times[clip].append(time.perf_counter() - began)
    found = {}
    for clip, trial in clips.items():
        answer = client.get(f"/rate/clips/{name}/{clip}")
        hidden = {"clips", "id", "position", "caption"}  # these differ for every trial
        found[clip] = {
            "url": clip,
            "headers": str(sorted(answer.headers.items())),
            "bytes": float(len(answer.content)),
            "container": answer.content[:HEADER_BYTES].hex(),
            "end": answer.content[-8:].hex() if answer.content[-8:].isascii() else "",
            "json": str({k: v for k, v in trial.items() if k not in hidden}),
            "trial id": trial["id"],
            "time": statistics.median(times[clip]),
        }
    return found


def likeness(one, other):
    if isinstance(one, float):
        return -abs(one - other)
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def telling(found, systems):
    """Features by which a clip's nearest neighbour is of its own system more than by chance."""
    told = []
    for feature in next(iter(found.values())):
        right = 0
        for clip, own in found.items():
            near = {
                other: likeness(own[feature], each[feature])
                for other, each in found.items()
                if other != clip
            }
            best = max(near.values())
            votes = Counter(systems[other] for other, like in near.items() if like == best)
            right += votes.most_common(1)[0][0] == systems[clip]
        n, chance = len(found), 1 / SYSTEMS
        p = sum(math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(right, n + 1))
        told += [feature] if p < CHANCE_LIMIT else []
    return told


def look(client, service, name):
    """The page, what tells systems apart, and {clip name: file} of what was handed."""
    page, clips = heard_clips(client, name)
    assert len(clips) == SYSTEMS * ITEMS
    files = {clip: service.store.trial(name, trial["id"]).first for clip, trial in clips.items()}
    systems = {record.name: record.system for record in service.prepared.clips}
    told = telling(
        features(client, name, clips), {clip: systems[file] for clip, file in files.items()}
    )
    return page, told, files


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    with work_folder_of_its_own(tmp_path_factory.mktemp("leak")) as work:
        open_study(work, "blind", SYSTEMS, ITEMS, SYSTEMS * ITEMS, axes=["overall"])
        yield work


@pytest.mark.timing
def test_blinded_clips_tell_nothing_and_raw_files_would(work, monkeypatch):
    studies = Studies()
    service = studies.service("blind")
    client, prepared = TestClient(rating_app(studies)), service.prepared
    page, told, files = look(client, service, "blind")
    assert told == []
    headers = {
        str(sorted(client.get(f"/rate/clips/blind/{clip}").headers.items()))
        for clip in (*files, service.study_view().level_clip)
    }
    assert len(headers) == 1  # the level check included
    contents = {client.get(f"/rate/clips/blind/{clip}").content for clip in files}
    assert len(contents) == len(files)
    for word in ("system-", "key.json", "gain_db", str(work)):
        assert word not in page
    for record in prepared.of_kind("main"):
        shutil.copyfile(record.source, prepared.folder / "clips" / record.name)
    monkeypatch.setattr(
        service,
        "clip",
        lambda clip: (
            prepared.folder / "clips" / service.store.trial("blind", clip[:16]).first
        ).read_bytes(),
    )
    assert {"bytes", "headers", "container"} <= set(look(client, service, "blind")[1])


def test_it_can_tell_when_blinding_is_off(work, tmp_path):
    study = Studies().service("blind").study
    prepared = prepare(study, tmp_path / "prepared", blind=False)
    service = RatingService(study, prepared, Store(f"sqlite:///{tmp_path / 'answers.sqlite'}"))
    client = TestClient(
        rating_app(SimpleNamespace(service=lambda name: service, is_shipped=lambda name: False))
    )
    assert "url" in look(client, service, "blind")[1]
