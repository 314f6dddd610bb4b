"""Recipes: frozen, named, printable, and different wherever a number would be."""

from __future__ import annotations

import dataclasses
import json

import pytest

from core.errors import InputError
from evaluation.metrics import clap, openl3
from evaluation.metrics.choices import ContinuationChoice
from evaluation.metrics.models import DOWNLOADED, open_model
from evaluation.metrics.preparation import Span
from evaluation.metrics.recipes import RECIPES, package_versions, recipe

NAMES = ["paper", "sam-2024", "audiocraft-2023", "strict", "offline"]


def test_the_five_recipes_are_there_and_differ():
    assert list(RECIPES) == NAMES
    assert len({one.digest for one in RECIPES.values()}) == len(NAMES)
    with pytest.raises(InputError, match="sam-2024"):
        recipe("sam")


@pytest.mark.parametrize("name", NAMES)
def test_every_choice_is_printed_and_frozen(name):
    chosen = recipe(name)
    printed = chosen.describe()
    for part in ("distance", "kl", "clap", "bootstrap"):
        choice = getattr(chosen, part)
        for field in dataclasses.fields(choice) if choice else ():
            assert f"{part}.{field.name}: " in printed
    assert json.loads(json.dumps(chosen.as_dict()))["name"] == name
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.name = "mine"
    models = [choice.model for choice in (chosen.distance, chosen.kl) if choice]
    models += [chosen.clap.checkpoint] if chosen.clap else []
    assert all(model == "musicnn" or model in DOWNLOADED for model in models)


def test_directions_and_names():
    assert recipe("sam-2024").kl.directions == ("generated||reference",)
    assert recipe("audiocraft-2023").kl.directions[0] == "reference||generated"
    assert len(recipe("strict").kl.directions) == 2
    offline = recipe("offline")
    assert (offline.distance.name, offline.kl.name) == ("FD-musicnn", "KL-musicnn")
    assert "16 kHz mono" in offline.note and offline.clap is None
    assert all(line.startswith("assumed as SAM") for line in recipe("paper").assumed)
    assert recipe("strict").clap.above_ten_seconds == "all windows"
    assert clap.KINDS[recipe("paper").clap.checkpoint].audio_tower == "HTSAT-base"
    assert recipe("sam-2024").distance.rates[-1] == str(openl3.SAMPLE_RATE)


def test_any_changed_choice_changes_the_digest():
    strict = recipe("strict")
    louder = dataclasses.replace(strict.kl, peak_db=None)
    assert dataclasses.replace(strict, kl=louder).digest != strict.digest


def test_continuation_names_what_is_heard():
    without = ContinuationChoice(5.0, True, False, reference_start=5.0, reference_seconds=10.0)
    assert without.generated_span == Span(5.0)
    assert without.reference_span == Span(5.0, 10.0)
    named = recipe("offline").continuing(without)
    assert named.name == "offline, continuation without 5 s prompt, real clip 5 to 15 s"
    assert named.digest != recipe("offline").digest
    assert "continuation.reference_seconds: 10.0" in named.describe()
    with_prompt = dataclasses.replace(without, hears_prompt=True, reference_start=0.0)
    assert with_prompt.generated_span == Span(0.0)
    with pytest.raises(InputError, match="hold the prompt"):
        ContinuationChoice(5.0, False, True, 0.0, None)


def test_models_open_by_name_and_versions_are_known(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    assert open_model("musicnn").weights.official
    with pytest.raises(InputError, match="choose one of musicnn"):
        open_model("vggish")
    assert package_versions()["musicnn"] == "0.1.0"
