"""Study files: what is read, and what is refused in one line that names it."""

from __future__ import annotations

import copy
import json
import shutil

import pytest
import yaml

from core.errors import InputError
from core.requests.request import GenerationRequest
from evaluation.benchmark.generation import record_of
from evaluation.datasets import inspect_folder, write_manifest
from evaluation.listening.checks.sample_study import write_clips, write_sample_study
from evaluation.listening.clips.preparation import prepare
from evaluation.listening.design.study_file import read_study, study_from


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("study")
    write_sample_study(path, training_items=["item-00"])
    return path


@pytest.fixture
def content(folder):
    return copy.deepcopy(yaml.safe_load((folder / "study.yaml").read_text()))


def test_the_papers_axes_and_the_training_items_stand_apart(folder):
    study = read_study(folder)
    assert [axis.name for axis in study.axes] == ["alignment", "quality", "musicality", "overall"]
    assert [item.id for item in study.training_items] == ["item-00"]
    assert "item-00" not in [item.id for item in study.items]


def test_digest_tells_designs_apart_and_moves_with_the_folder(folder, content, tmp_path):
    moved = shutil.copytree(folder, tmp_path / "elsewhere")
    assert read_study(moved).digest == read_study(folder).digest
    content["screening"] = {"min_attention": 0.5}
    assert study_from(content, folder).digest != read_study(folder).digest


@pytest.mark.parametrize(
    "change, named",
    [
        ({"task": "text-to-speech"}, "task"),
        ({"method": "ABX"}, "method"),
        ({"speed": 2}, "speed"),
        ({"name": "../up"}, "name"),
        ({"seed": -1}, "seed"),
        ({"seed": True}, "seed"),
        ({"systems": {}}, "systems"),
        ({"systems": {"a b": {"folder": "x"}}}, "system"),
        ({"systems": {"a": {"folder": "x", "run": "y"}}}, "give either folder or run"),
        ({"items": "no.csv"}, "no.csv"),
        ({"training_items": ["nobody"]}, "training item"),
        ({"trials_per_rater": 0}, "trials_per_rater"),
        ({"trials_per_rater": 1000}, "trials_per_rater"),
        ({"method": "CCR"}, "baseline"),
        ({"baseline": "system-a"}, "baseline"),
        ({"task": "continuation"}, "continuation"),
        ({"axes": ["beauty"]}, "axis"),
        ({"axes": [{"name": "a", "points": ["one"]}]}, "points"),
        ({"axes": ["overall", "overall"]}, "axes"),
        ({"clip": {"seconds": 0.1}}, "clip seconds"),
        ({"clip": {"seconds": float("nan")}}, "clip seconds"),
        ({"clip": {"length": 1}}, "length"),
        ({"clip": {"channels": 6}}, "clip channels"),
        ({"controls": {"identical_pairs": 1}}, "identical_pairs"),
        ({"controls": {"references": 1}}, "reference"),
        ({"controls": {"anchors": "many"}}, "anchors"),
        ({"screening": {"min_heard": 2}}, "min_heard"),
        ({"ablation": {"nobody": "w/o"}}, "ablation"),
        ({"language": {"nonsense": "x"}}, "nonsense"),
        ({"consent": ""}, "consent"),
    ],
)
def test_a_wrong_entry_is_named_in_one_line(folder, content, change, named):
    with pytest.raises(InputError) as error:
        study_from({**content, **change}, folder)
    assert named in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_entry_is_named(folder, content):
    del content["seed"]
    with pytest.raises(InputError, match="seed"):
        study_from(content, folder)


def test_yaml_that_asks_to_run_something_is_refused(tmp_path):
    (tmp_path / "study.yaml").write_text("name: !!python/object/apply:os.getcwd []\n")
    with pytest.raises(InputError, match="is not YAML"):
        read_study(tmp_path)


def make_run(folder, captions):
    """A system's folder as the benchmark leaves it: sounds, records and manifest.json."""
    write_clips(folder, list(captions), 16000, 2.0, 0.1)
    for item, caption in captions.items():
        record_of(folder, item).parent.mkdir(exist_ok=True)
        request = GenerationRequest(caption, seconds=2)
        record_of(folder, item).write_text(json.dumps({"request": request.as_dict()}))
    write_manifest(inspect_folder(folder, list(captions)), "generated", {"variant": "nano"})


def test_items_come_from_benchmark_runs(tmp_path):
    make_run(tmp_path / "one", {"x": "calm, slow", "-y": "loud"})  # as YouTube's ids may begin
    make_run(tmp_path / "two", {"-y": "loud", "z": "other"})
    content = {
        "name": "runs",
        "task": "text-to-music",
        "method": "MOS",
        "seed": 1,
        "clip": {"seconds": 1},
        "trials_per_rater": 2,
        "systems": {"a": {"run": "one"}, "b": {"run": "two"}},
    }
    study = study_from(content, tmp_path)
    assert [(item.id, item.caption) for item in study.items] == [("-y", "loud")]
    clips = prepare(study, tmp_path / "made").of_kind("main")
    assert {clip.system: clip.source for clip in clips} == {
        "a": str(tmp_path / "one/-y.wav"),
        "b": str(tmp_path / "two/-y.wav"),
    }
    make_run(tmp_path / "two", {"-y": "quiet"})
    with pytest.raises(InputError, match="differs between the runs"):
        study_from(content, tmp_path)
    record_of(tmp_path / "two", "-y").unlink()
    with pytest.raises(InputError, match="name an items file"):
        study_from(content, tmp_path)
    (tmp_path / "items.csv").write_text("id,caption\n-y,loud\n")
    assert study_from({**content, "items": "items.csv"}, tmp_path).items[0].caption == "loud"
    (tmp_path / "two" / "manifest.json").unlink()
    with pytest.raises(InputError, match="RUN/generated/SYSTEM"):
        study_from(content, tmp_path)


def test_a_run_reaches_no_file_outside_its_folder(tmp_path):
    make_run(tmp_path / "one", {"x": "loud"})
    manifest = tmp_path / "one" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"x.wav"', '"../x.wav"'))
    study = study_from(
        {
            "name": "runs",
            "task": "text-to-music",
            "method": "MOS",
            "seed": 1,
            "trials_per_rater": 1,
            "systems": {"a": {"run": "one"}},
        },
        tmp_path,
    )
    with pytest.raises(InputError, match="outside the run's folder"):
        prepare(study, tmp_path / "made")
