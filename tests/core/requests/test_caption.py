"""The words a model is sent: its own for tempo, key and the like, and the negative prompt."""

from __future__ import annotations

import json

import numpy as np
import pytest

from core import variants
from core.errors import InputError
from core.generation.conditioning import MAX_TEXT_TOKENS
from core.pipeline import Pipeline
from core.requests.caption import CaptionTemplate, notes, sent_text
from core.requests.request import GenerationRequest

FACTS = {"tempo": 120, "key": "D minor", "meter": "3/4", "drums": False}


@pytest.fixture(scope="module")
def nano() -> Pipeline:
    return Pipeline.load("nano-no-flow")


def test_nano_is_told_as_its_captions_say_it():
    request = GenerationRequest("jazz", 5, "nano", instruments=("piano", "double bass"), **FACTS)
    assert sent_text(request) == "jazz, 120 bpm, D minor, 3/4 time, piano, double bass, no drums"
    assert sent_text(GenerationRequest("jazz.", 5, "nano", meter="4/4")) == "jazz."
    with pytest.raises(InputError, match="meter 7/8: .*4/4, 3/4, 6/8"):
        sent_text(GenerationRequest("jazz", 5, "nano", meter="7/8"))


def test_released_models_are_told_in_plain_english():
    request = GenerationRequest("Jazz.", 5, "inspiremusic-1.5b", instruments=("piano",), **FACTS)
    assert sent_text(request) == (
        "Jazz. The tempo is 120 bpm. The key is D minor. The time signature is 3/4. "
        "It is played on piano. There are no drums."
    )


def test_facts_alone_are_a_prompt():
    assert sent_text(GenerationRequest("", 5, "nano", tempo=90)) == "90 bpm"


def test_a_fine_tuned_model_has_its_base_s_words(tmp_path):
    config = {"layout": 1, "components": {}, "about": {"base": "nano"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    shipped = CaptionTemplate.of_folder(variants.ASSETS / "nano")
    assert CaptionTemplate.of_folder(tmp_path) == shipped != CaptionTemplate()


@pytest.mark.parametrize("wrong", ["{", "[]", '{"tempo": 3}', '{"speed": "{}"}', "[" * 10**5])
def test_a_broken_template_is_one_line(tmp_path, wrong):
    (tmp_path / "caption.json").write_text(wrong)
    with pytest.raises(InputError, match="caption template"):
        CaptionTemplate.of_folder(tmp_path)


def test_what_was_sent_stands_in_the_result(nano):
    facts = GenerationRequest("jazz", 0.5, "nano-no-flow", seed=1, tempo=120, drums=False)
    typed = GenerationRequest("jazz, 120 bpm, no drums", 0.5, "nano-no-flow", seed=1)
    by_field, by_hand = nano.generate(facts), nano.generate(typed)
    assert by_field.as_dict()["sent"] == typed.prompt
    assert np.array_equal(by_field.tokens, by_hand.tokens)


def test_a_negative_prompt_changes_the_music(nano):
    plain, away, empty = (
        nano.generate(GenerationRequest("rock", 1.0, "nano-no-flow", seed=1, negative=words))
        for words in ("", "drums", "  ")
    )
    assert np.array_equal(plain.tokens, empty.tokens)
    assert not np.array_equal(plain.tokens, away.tokens)


@pytest.mark.parametrize("field", ["prompt", "negative"])
def test_a_text_of_too_many_tokens_is_refused_with_their_number(nano, field):
    texts = {"prompt": "rock", field: "\U0001f600" * 2000}
    with pytest.raises(InputError, match=rf"{field} of \d+ tokens .*{MAX_TEXT_TOKENS}"):
        nano.generate(GenerationRequest(**texts, seconds=1.0, variant="nano-no-flow"))


def test_letters_that_stand_for_many_count_as_many():
    with pytest.raises(InputError, match="2000 characters, 36000 when written out"):
        GenerationRequest("\ufdfa" * 2000, 1.0)
    assert GenerationRequest("\ufdfa" * 100 + "\U0001f600" * 200, 1.0).prompt


def test_a_prompt_in_another_script_gets_a_word_of_warning():
    for text, script in (
        ("спокойное пианино", "Cyrillic"),
        ("静かなピアノ", "Cjk"),
        ("بيانو", "Arabic"),
    ):
        (note,) = notes(GenerationRequest(text, 1.0, "nano"))
        assert script in note and "English" in note
    assert notes(GenerationRequest("crème brûlée, naïve – 100 bpm ♪", 1.0, "nano")) == ()
