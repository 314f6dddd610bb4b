"""Recipes: frozen, named, printable, and different wherever a number would be."""

from __future__ import annotations

import dataclasses
import json

import pytest

from core.errors import InputError
from evaluation.embeddings import digest
from evaluation.metrics import clap, openl3
from evaluation.metrics.models import DOWNLOADED, open_model
from evaluation.metrics.preparation import Span
from evaluation.suite import RECIPES, ContinuationChoice, package_versions, recipe

NAMES = [
    "paper", "sam-2024", "audiocraft-2023", "strict", "offline", "clap", "kadtk", "mert", "muq",
    "reference-free",
]  # fmt: skip


def metric(name: str, column: str):
    """A recipe's metric by its column."""
    return next(one for one in recipe(name).metrics if one.name == column)


def test_the_recipes_are_there_and_differ():
    assert list(RECIPES)[: len(NAMES)] == NAMES
    assert len({one.digest for one in RECIPES.values()}) == len(RECIPES)
    with pytest.raises(InputError, match="sam-2024"):
        recipe("sam")


@pytest.mark.parametrize("name", NAMES)
def test_every_choice_is_printed_and_frozen(name):
    chosen = recipe(name)
    printed = chosen.describe()
    for one in chosen.metrics:
        assert f"{one.name}.version: {one.version}" in printed
        for field in dataclasses.fields(one):
            assert field.name == "name" or f"{one.name}.{field.name}" in printed
        for field in dataclasses.fields(one.embedding):
            assert f"{one.name}.embedding.{field.name}: " in printed
    assert "bootstrap.level: 0.95" in printed
    assert json.loads(json.dumps(chosen.as_dict()))["name"] == name
    with pytest.raises(dataclasses.FrozenInstanceError):
        chosen.name = "mine"
    assert all(model == "musicnn" or model in DOWNLOADED for model in chosen.models)


def test_directions_and_names():
    assert metric("sam-2024", "KL-PaSST").directions == ("generated||reference",)
    assert metric("audiocraft-2023", "KL-PaSST").directions[0] == "reference||generated"
    assert len(metric("strict", "KL-PaSST").directions) == 2
    offline = recipe("offline")
    assert [one.name for one in offline.metrics] == ["FD-musicnn", "KAD-musicnn", "KL-musicnn"]
    assert "16 kHz mono" in offline.note
    assert all(line.startswith("assumed as SAM") for line in recipe("paper").assumed)
    assert metric("strict", "CLAP").embedding.above_ten_seconds == "all windows"
    assert clap.KINDS[metric("paper", "CLAP").embedding.checkpoint].audio_tower == "HTSAT-base"
    assert metric("sam-2024", "FD-openl3").embedding.rates[-1] == str(openl3.SAMPLE_RATE)


def test_any_changed_choice_changes_the_digest():
    strict = recipe("strict")
    fewer = dataclasses.replace(strict, metrics=strict.metrics[:-1])
    assert fewer.digest != strict.digest
    embedding = dataclasses.replace(metric("strict", "KL-PaSST").embedding, peak_db=None)
    louder = dataclasses.replace(metric("strict", "KL-PaSST"), embedding=embedding)
    changed = tuple(louder if one.name == "KL-PaSST" else one for one in strict.metrics)
    assert dataclasses.replace(strict, metrics=changed).digest != strict.digest


def test_recipes_share_embeddings():
    """`paper`, `sam-2024` and `strict` embed the same OpenL3 frames and PaSST logits once."""
    for column in ("FD-openl3", "KL-PaSST"):
        found = {digest(metric(name, column).embedding) for name in ("paper", "sam-2024", "strict")}
        assert len(found) == 1
    assert len(recipe("offline").embeddings) == 1


def test_continuation_names_what_is_heard():
    without = ContinuationChoice(5.0, True, False, reference_start=5.0, reference_seconds=10.0)
    assert without.generated_span == Span(5.0)
    assert without.reference_span == Span(5.0, 10.0)
    named = recipe("offline").continuing(without)
    assert named.name == "offline, continuation without 5 s prompt, real clip 5 to 15 s"
    assert named.digest != recipe("offline").digest
    assert "continuation.reference_seconds: 10.0" in named.describe()
    with_prompt = dataclasses.replace(without, scores_prompt=True, reference_start=0.0)
    assert with_prompt.generated_span == Span(0.0)
    with pytest.raises(InputError, match="hold the prompt"):
        ContinuationChoice(5.0, False, True, 0.0, None)


def test_models_open_by_name_and_versions_are_known(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    assert open_model("musicnn").weights.official
    with pytest.raises(InputError, match="choose one of musicnn"):
        open_model("vggish")
    assert package_versions()["musicnn"] == "0.1.0"
