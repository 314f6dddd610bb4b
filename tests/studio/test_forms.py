"""What a form says is what the job's request holds, and back."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import soundfile
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from core import variants
from core.requests.request import FIELDS, KEYS, METERS, PRESETS, GenerationRequest, Section
from studio.api import forms
from studio.library.library import Library
from studio.settings import Settings
from studio.tabs.create import build
from studio.tabs.fields import SHOWN_ELSEWHERE

ANNE = "a" * 32


@pytest.fixture(scope="module")
def studio(tmp_path_factory) -> SimpleNamespace:
    library = Library(tmp_path_factory.mktemp("people"), 10**9, 1e9)
    return SimpleNamespace(library=library, settings=Settings(), variant=variants.get)


WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1).filter(
    lambda text: "," not in text and len(text) < 50
)
KEY = st.none() | st.sampled_from(KEYS)
TIMES = st.integers(2, 400).map(float)


@st.composite
def candidates(draw, seconds: float) -> dict:
    """How many are made and kept, and by what; what is heard needs time and something asked for."""
    best_of = draw(st.integers(1, 16))
    heard = best_of > 1 and seconds >= 5 and draw(st.booleans())
    chosen = {"choose_by": "adherence", "key": "D minor"} if heard else {"key": draw(KEY)}
    return {"best_of": best_of, "keep": draw(st.integers(1, best_of)), **chosen}


@st.composite
def requests(draw) -> GenerationRequest:
    seconds = draw(TIMES)
    cut = draw(st.floats(0.1, seconds - 0.1, allow_subnormal=False).map(lambda t: round(t, 2)))
    plan = (Section("intro", 0.0, cut), Section("verse", cut, seconds))
    return GenerationRequest(
        prompt=draw(WORDS),
        seconds=seconds,
        variant=draw(st.sampled_from(["nano", "nano-no-flow"])),
        min_seconds=draw(st.none() | st.just(seconds / 2)),
        seed=draw(st.integers(0, 2**63 - 1)),
        sections=draw(st.sampled_from([(), plan])),
        preset=draw(st.sampled_from(PRESETS)),
        steps=draw(st.none() | st.integers(1, 1000)),
        guidance=draw(st.floats(1.5, 20, allow_subnormal=False)),
        top_k=draw(st.integers(1, 100_000)),
        top_p=draw(st.floats(0.01, 1.0, allow_subnormal=False)),
        temperature=draw(st.floats(0, 5, allow_subnormal=False)),
        negative=draw(st.just("") | WORDS),
        tempo=draw(st.none() | st.floats(30, 300, allow_subnormal=False)),
        meter=draw(st.none() | st.sampled_from(METERS)),
        instruments=draw(st.lists(WORDS, max_size=3).map(tuple)),
        drums=draw(st.none() | st.booleans()),
        lora=draw(st.sampled_from([(), ("warm:0.7",), ("warm:0.7", "dry:-1")])),
        **draw(candidates(seconds)),
    )


@given(wanted=requests())
@hypothesis_settings(max_examples=60, deadline=None)
def test_a_form_written_and_read_is_the_same_request(studio, wanted):
    form = {name: text for name, text in forms.write(wanted).items() if text}
    assert forms.read(studio, ANNE, form) == [wanted]


def test_every_field_that_a_person_may_set_is_on_the_form(tmp_path, monkeypatch):
    monkeypatch.setenv("STUDIO_MODELS", str(tmp_path))
    here = SimpleNamespace(settings=Settings(), variant=variants.get)
    assert "create-lora" not in build(here)  # without an adapter there is nothing to set
    for name, base in (("warm", "nano"), ("odd", "a model of nobody's")):
        (tmp_path / "loras" / name).mkdir(parents=True)
        config = {"peft_type": "LORA", "base_model_name_or_path": base}
        (tmp_path / "loras" / name / "adapter_config.json").write_text(json.dumps(config))
    markup = build(here)
    assert 'data-adapter="warm"' in markup and 'data-adapter="odd"' not in markup
    for name, spec in FIELDS.items():
        shown = f'name="{name}"' in markup
        assert shown == (spec.place not in ("machine", "given")), name
    assert set(SHOWN_ELSEWHERE) <= set(FIELDS)


@pytest.mark.parametrize(
    "wrong, field",
    [
        ({"prompt": ""}, "prompt"),
        ({"seconds": ""}, "seconds"),
        ({"seconds": "ten"}, "seconds"),
        ({"seconds": "600"}, "seconds"),
        ({"seconds": "1:99"}, "seconds"),
        ({"seed": "7x"}, "seed"),
        ({"seed": "-1"}, "seed"),
        ({"sections": "intro:0-99"}, "sections"),
        ({"sections": "bridge:0-5"}, "sections"),
        ({"tempo": "fast"}, "tempo"),
        ({"key": "H major"}, "key"),
        ({"variations": "5"}, "variations"),
        ({"top_k": "1.5"}, "top_k"),
        ({"variant": "/etc"}, "variant"),
        ({"upload": "../x"}, "audio"),
        ({"redo": "1-2"}, "audio"),
        ({"unheard_of": "1"}, "form"),
    ],
)
def test_what_is_wrong_is_told_at_its_field(studio, wrong, field):
    form = {"prompt": "house", "seconds": "5", "variant": "nano-no-flow", **wrong}
    with pytest.raises(forms.FormErrors) as told:
        forms.read(studio, ANNE, form)
    assert list(told.value.lines) == [field]


def test_all_wrong_fields_are_told_at_once(studio):
    with pytest.raises(forms.FormErrors) as told:
        forms.read(studio, ANNE, {"prompt": "", "seconds": "x", "seed": "y", "tempo": "z"})
    assert {"seconds", "seed", "tempo"} <= set(told.value.lines)


def test_an_empty_prompt_is_told_what_the_model_does_well(studio):
    with pytest.raises(forms.FormErrors) as told:
        forms.read(studio, ANNE, {"prompt": " ", "seconds": "5", "variant": "nano-no-flow"})
    assert "rock" in told.value.lines["prompt"] and "piano" not in told.value.lines["prompt"]


def test_lengths_may_be_minutes_and_variations_get_their_own_seeds(studio):
    form = {"prompt": "house", "seconds": "1:30", "seed": "5", "variations": "3"}
    wanted = forms.read(studio, ANNE, form)
    assert [(r.seconds, r.seed) for r in wanted] == [(90, 5), (90, 6), (90, 7)]
    fresh = forms.read(studio, ANNE, {**form, "seed": "", "variations": "2"})
    assert fresh[1].seed == fresh[0].seed + 1


def test_a_kept_sound_is_continued_or_edited(studio, tmp_path):
    soundfile.write(tmp_path / "a.wav", [0.1, -0.1] * 12000, 8000)
    name = studio.library.new_upload(ANNE, tmp_path / "a.wav", ".wav", set())
    form = {"seconds": "5", "upload": name, "from": "0:01", "to": "2.5", "only_new": "yes"}
    [request] = forms.read(studio, ANNE, form)
    assert (request.audio.start, request.audio.end, request.audio.only_new) == (1, 2.5, True)
    assert forms.sound(request)["upload"] == name
    [edit] = forms.read(studio, ANNE, {"prompt": "x", "upload": name, "redo": "1-2.5"})
    assert edit.edit.redo == (1, 2.5) and edit.seconds == 1.5
    with pytest.raises(forms.FormErrors):
        forms.read(studio, "b" * 32, form)
