"""Nothing a rater is handed, but the sound itself, tells systems apart; unblinded it does."""

from __future__ import annotations

import dataclasses
import json
import math
import re
import shutil
from collections import Counter
from difflib import SequenceMatcher

import pytest
import soundfile

from evaluation.listening.checks.sample_study import write_sample_study
from evaluation.listening.clips.preparation import prepare
from evaluation.listening.service import RatingService
from evaluation.listening.store.storage import Store, new_token

HEADER_BYTES = 44
SYSTEMS, ITEMS = 3, 12
CHANCE_LIMIT = 1e-6  # a blinded study fails this test once in a million runs


def views_of(study, prepared, folder, raters=4):
    """Everything raters are handed from link to code."""
    store = Store(f"sqlite:///{folder / 'answers.sqlite'}")
    service = RatingService(study, prepared, store)
    scores = {axis.name: study.scale[1] for axis in study.axes}
    handed = [service.study_view()]
    for _ in range(raters):
        token = new_token()
        view = service.start(token, True)
        while view.state == "trial":
            handed.append(view)
            view = service.answer(token, view.trial.id, scores)
        handed.append(view)
    store.close()
    return handed


def features(path, trial):
    """What a script sees of a clip without decoding it, by name of the feature."""
    data, stat = path.read_bytes(), path.stat()
    sound = soundfile.SoundFile(path)
    return {
        "name": path.name,
        "bytes": str(len(data)),
        "header": data[:HEADER_BYTES].hex(),
        "tags": str(sound.copy_metadata()),
        "rate": str(sound.samplerate),
        "channels": str(sound.channels),
        "date": str(int(stat.st_mtime)),
        "mode": str(stat.st_mode),
        "end": str(len(data) - sound.frames * 2),
        "seconds": str(trial["seconds"]),
        "prompt": str(trial["prompt_seconds"]),
        "instruction": trial["instruction"],
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


def telling_features(study, prepared, handed):
    """Features from which systems are guessed better than chance allows."""
    systems = {record.name: record.system for record in prepared.clips}
    seen = {}
    for view in handed:
        content = json.loads(json.dumps(dataclasses.asdict(view)))
        if content.get("trial"):
            for name in content["trial"]["clips"]:
                seen[name] = content["trial"]
    clips = [
        (features(prepared.folder / "clips" / name, trial), systems[name])
        for name, trial in sorted(seen.items())
    ]
    assert Counter(system for _, system in clips) == {
        system.name: ITEMS for system in study.systems
    }
    n, chance = len(clips), 1 / SYSTEMS
    found = []
    for feature in clips[0][0]:
        right = guesses(clips, feature)
        p = sum(math.comb(n, k) * chance**k * (1 - chance) ** (n - k) for k in range(right, n + 1))
        if p < CHANCE_LIMIT:
            found.append(feature)
    return found


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return write_sample_study(
        tmp_path_factory.mktemp("study"), systems=SYSTEMS, items=ITEMS, trials=SYSTEMS * ITEMS
    )


def test_blinded_clips_tell_nothing(study, tmp_path):
    prepared = prepare(study, tmp_path / "prepared")
    assert telling_features(study, prepared, views_of(study, prepared, tmp_path)) == []


def test_unblinded_clips_tell(study, tmp_path):
    prepared = prepare(study, tmp_path / "prepared", blind=False)
    assert "name" in telling_features(study, prepared, views_of(study, prepared, tmp_path))


def test_unprepared_files_tell_by_rate_header_and_length(study, tmp_path):
    prepared = prepare(study, tmp_path / "prepared")
    handed = views_of(study, prepared, tmp_path)
    for record in prepared.of_kind("main"):
        shutil.copyfile(record.source, prepared.folder / "clips" / record.name)
    assert {"rate", "header", "bytes"} <= set(telling_features(study, prepared, handed))


@pytest.mark.parametrize("method", ["MOS", "CCR"])
def test_no_word_of_the_design_is_handed_out(tmp_path, method):
    pairs = {"baseline": "system-a", "controls": {"identical_pairs": 2, "attention": 1}}
    single = {"controls": {"anchors": 2, "attention": 1}}
    study = write_sample_study(
        tmp_path,
        systems=2,
        items=4,
        trials=3,
        method=method,
        training_items=["item-03"],
        **(pairs if method == "CCR" else single),
    )
    prepared = prepare(study, tmp_path / "prepared")
    text = json.dumps([dataclasses.asdict(view) for view in views_of(study, prepared, tmp_path)])
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
    }
    for trial in re.findall(r'"trial": \{([^}]*)\}', text):
        assert set(re.findall(r'"(\w+)":', trial)) == allowed


def test_controls_look_like_any_other_trial(tmp_path):
    study = write_sample_study(tmp_path, systems=2, items=4, trials=4, controls={"anchors": 2})
    prepared = prepare(study, tmp_path / "prepared")
    handed = [view for view in views_of(study, prepared, tmp_path, 1)[1:] if view.trial]
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
