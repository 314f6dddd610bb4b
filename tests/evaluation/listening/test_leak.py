"""Nothing a rater is handed, but the sound itself, tells systems apart; unblinded it does."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import math
import re
import shutil
from collections import Counter
from difflib import SequenceMatcher

import numpy as np
import pytest
import soundfile

from evaluation.listening.checks.sample_study import write_sample_study
from evaluation.listening.clips.preparation import prepare
from evaluation.listening.service import RatingService
from evaluation.listening.store.records import new_token
from evaluation.listening.store.storage import Store

HEADER_BYTES = 44
SYSTEMS, ITEMS = 3, 12
CHANCE_LIMIT = 1e-6  # a blinded study fails this test once in a million runs


def views_of(study, prepared, folder, raters=1):
    """The service, and everything raters are handed from link to code."""
    store = Store(f"sqlite:///{folder / 'answers.sqlite'}")
    service = RatingService(study, prepared, store)
    handed = [service.study_view()]
    for _ in range(raters):
        token = new_token()
        view = service.start(token, True)
        while view.state == "trial":
            handed.append(view)
            asked = view.trial.clips if study.conditions else [axis.name for axis in study.axes]
            scores = dict.fromkeys(asked, study.scale[1])
            view = service.answer(token, view.trial.id, scores)
        handed.append(view)
    return service, handed


def features(name, data, trial):
    """What a script sees of a clip without listening, by name of the feature."""
    sound = soundfile.SoundFile(io.BytesIO(data))
    return {
        "name": name,
        "bytes": str(len(data)),
        "header": data[:HEADER_BYTES].hex(),
        "tags": str(sound.copy_metadata()),
        "rate": str(sound.samplerate),
        "channels": str(sound.channels),
        "end": str(len(data) - sound.frames * 2 * sound.channels),
        "seconds": str(trial.seconds),
        "prompt": str(trial.prompt_seconds),
        "instruction": trial.instruction,
        "place": str(trial.clips.index(name)),
        "content": hashlib.sha256(data).hexdigest(),
    }


def guesses(clips, feature):
    """Clips whose nearest other clip by this feature is of the same system, leave-one-out."""
    right = 0
    for index, (own, system) in enumerate(clips):
        others = [clip for at, clip in enumerate(clips) if at != index]
        likeness = [
            SequenceMatcher(None, own[feature], other[feature]).ratio() for other, _ in others
        ]
        nearest = Counter(
            name for like, (_, name) in zip(likeness, others) if like == max(likeness)
        )
        right += nearest.most_common(1)[0][0] == system
    return right


def telling_features(service, handed):
    """Features from which systems are guessed better than chance allows.

    What is handed more than once, by name or by content, is a feature too.
    """
    clips, found = [], []
    for view in handed[1:]:
        if view.trial is None:
            continue
        stored = service.store.trial(service.study.name, view.trial.id)
        whose = {record.name: record.system for record in service.prepared.clips}
        sides = [whose[file] for file in (stored.first, stored.second) if file]
        for name, system in zip(view.trial.clips, stored.conditions or sides, strict=True):
            clips.append((features(name, service.clip(name), view.trial), system))
    for feature in ("name", "content"):  # what comes twice is heard to be the baseline
        if len({own[feature] for own, _ in clips}) < len(clips):
            found.append(f"repeated {feature}")
    n, counts = len(clips), Counter(system for _, system in clips)
    assert (
        len(counts) == (len(service.study.conditions) or SYSTEMS) and min(counts.values()) >= ITEMS
    )
    chance = max(counts.values()) / n
    for feature in clips[0][0]:
        right = guesses(clips, feature)
        p = sum(math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(right, n + 1))
        if p < CHANCE_LIMIT:
            found.append(feature)
    return found


@pytest.fixture(scope="module", params=["MOS", "CCR", "MUSHRA"])
def study(request, tmp_path_factory):
    entries = {"method": request.param}
    trials = SYSTEMS * ITEMS
    if request.param == "CCR":
        entries["baseline"] = "system-a"
        trials -= ITEMS
    if request.param == "MUSHRA":
        trials = ITEMS
    return write_sample_study(
        tmp_path_factory.mktemp("study"), systems=SYSTEMS, items=ITEMS, trials=trials, **entries
    )


def test_blinded_clips_tell_nothing(study, tmp_path):
    prepared = prepare(study, tmp_path / "prepared")
    assert telling_features(*views_of(study, prepared, tmp_path)) == []


def test_unblinded_clips_tell(study, tmp_path):
    prepared = prepare(study, tmp_path / "prepared", blind=False)
    told = telling_features(*views_of(study, prepared, tmp_path))
    assert "name" in told
    if study.is_pairs:  # the baseline comes again and again
        assert {"repeated name", "repeated content"} <= set(told)


def test_unprepared_files_tell_by_rate_header_and_length(study, tmp_path, monkeypatch):
    prepared = prepare(study, tmp_path / "prepared")
    for record in prepared.of_kind("main"):
        shutil.copyfile(record.source, prepared.folder / "clips" / record.name)
    service, handed = views_of(study, prepared, tmp_path)
    folder = prepared.folder / "clips"

    def as_it_lies(name):
        stored = service.store.trial(study.name, name[:16])
        return (folder / service._files(stored)[int(name[16:-4])]).read_bytes()

    monkeypatch.setattr(service, "clip", as_it_lies)
    assert {"rate", "header", "bytes"} <= set(telling_features(service, handed))


def test_names_are_drawn_anew_for_every_trial_and_no_bytes_come_twice(tmp_path):
    study = write_sample_study(
        tmp_path,
        systems=3,
        items=4,
        trials=8,
        method="CCR",
        baseline="system-a",
        controls={"identical_pairs": 2, "attention": 2},
    )
    prepared = prepare(study, tmp_path / "prepared")
    service, handed = views_of(study, prepared, tmp_path, raters=2)
    names = [name for view in handed[1:] if view.trial for name in view.trial.clips]
    assert len(names) == 2 * 2 * 12 == len(set(names))
    contents = [service.clip(name) for name in names]
    assert len(set(contents)) == len(names)
    assert service.clip(names[0]) == contents[0]  # asked again, the same


def test_every_system_goes_on_from_one_prompt(tmp_path):
    rate, random = 16000, np.random.default_rng(5)
    for folder, seconds in (("prompts", 3), ("system-a", 2), ("system-b", 2)):
        (tmp_path / folder).mkdir()
        for item in ("item-00", "item-01"):
            sound = random.normal(0, 0.1 if folder != "system-b" else 0.02, seconds * rate)
            soundfile.write(tmp_path / folder / f"{item}.wav", sound, rate, subtype="FLOAT")
    study = write_sample_study(
        tmp_path,
        systems=2,
        items=2,
        trials=4,
        task="continuation",
        continuation={"prompts": "prompts", "prompt_seconds": 1.0},
    )
    prepared = prepare(study, tmp_path / "prepared")
    assert len(prepared.of_kind("prompt")) == 2
    service, handed = views_of(study, prepared, tmp_path)
    heard = {}
    for view in handed[1:]:
        if view.trial:
            sound, _ = soundfile.read(io.BytesIO(service.clip(view.trial.clips[0])), dtype="int16")
            assert len(sound) == 2 * rate
            item = service.store.trial(study.name, view.trial.id).item
            heard.setdefault(item, []).append(sound[:rate].astype(int))
    for one, other in heard.values():
        assert np.abs(one - other).max() <= 2  # the dither


@pytest.mark.parametrize("method", ["MOS", "CCR", "MUSHRA"])
def test_no_word_of_the_design_is_handed_out(tmp_path, method):
    entries = {
        "CCR": {"baseline": "system-a", "controls": {"identical_pairs": 2, "attention": 1}},
        "MOS": {"controls": {"anchors": 2, "attention": 1}, "headphone_test": True},
        "MUSHRA": {},
    }
    study = write_sample_study(
        tmp_path,
        systems=2,
        items=4,
        trials=3,
        method=method,
        training_items=["item-03"],
        **entries[method],
    )
    prepared = prepare(study, tmp_path / "prepared")
    _, handed = views_of(study, prepared, tmp_path, raters=4)
    text = json.dumps([dataclasses.asdict(view) for view in handed])
    for word in (
        "system-",
        "anchor",
        "identical",
        "baseline",
        str(tmp_path),
        '"gain',
        '"item-00',
        "key.json",
        study.digest,
    ):
        assert word not in text
    allowed = {
        "id",
        "position",
        "total",
        "training",
        "clips",
        "seconds",
        "prompt_seconds",
        "caption",
        "instruction",
        "reference",
    }
    for trial in re.findall(r'"trial": \{([^}]*)\}', text):
        assert set(re.findall(r'"(\w+)":', trial)) == allowed


def test_controls_look_like_any_other_trial(tmp_path):
    study = write_sample_study(tmp_path, systems=2, items=4, trials=4, controls={"anchors": 2})
    prepared = prepare(study, tmp_path / "prepared")
    handed = [view for view in views_of(study, prepared, tmp_path)[1][1:] if view.trial]
    shapes = {
        (
            len(view.trial.clips),
            len(view.trial.clips[0]),
            view.trial.seconds,
            view.trial.instruction,
            view.trial.training,
            len(view.trial.id),
        )
        for view in handed
    }
    assert len(handed) == 6 and len(shapes) == 1
