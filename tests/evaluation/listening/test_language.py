"""Every language that ships has every text, and a study file may take one and replace any."""

from __future__ import annotations

import re

import pytest
import yaml

from core.errors import InputError
from evaluation.listening.checks.sample_study import write_sample_study
from evaluation.listening.design.language import ENGLISH, known, language
from evaluation.listening.design.study import METHOD_NAMES
from evaluation.listening.design.study_file import read_study


def keys(tree):
    return {key: keys(value) if isinstance(value, dict) else None for key, value in tree.items()}


def places(text):
    return sorted(re.findall(r"\{\w+\}", text))


@pytest.mark.parametrize("code", known())
def test_no_text_is_missing_and_places_to_fill_are_kept(code):
    spoken, english = language(code), language(ENGLISH)
    assert spoken.strings["lang"] == code
    assert set(spoken.strings) == set(english.strings)
    for key, text in english.strings.items():
        assert spoken.strings[key].strip() and places(spoken.strings[key]) == places(text), key
    assert keys(spoken.questions) == keys(english.questions)
    assert set(spoken.questions) == set(spoken.points) == set(METHOD_NAMES)
    assert {m: len(words) for m, words in spoken.points.items()} == {
        m: len(words) for m, words in english.points.items()
    }
    if code != ENGLISH:  # translated, not copied
        same = [key for key, text in english.strings.items() if spoken.strings[key] == text]
        assert set(same) <= {"first", "second", "description", "pause", "continuation"}


def rewritten(study, entry):
    path = study.folder / "study.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"language": entry}))
    return read_study(path)


def test_a_study_takes_a_language_and_replaces_texts_of_it(tmp_path):
    study = write_sample_study(tmp_path, 2, 2, 2, language="de")
    assert dict(study.language)["next"] == "Weiter" and "freiwillig" in study.consent
    assert study.axes[0].points[0] == "Schlecht" and study.axes[0].label == "Übereinstimmung"
    other = rewritten(study, {"lang": "de", "next": "Los"})
    assert (dict(other.language)["next"], dict(other.language)["saved"]) == ("Los", "Gespeichert")
    assert dict(rewritten(study, {"next": "On"}).language)["saved"] == "Saved"
    for wrong in ("xx", "../en", {"lang": "../en"}, {"nothing": "x"}, 3):
        with pytest.raises(InputError, match="language"):
            rewritten(study, wrong)
