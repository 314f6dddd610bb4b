"""The texts of the rater's page in every language that ships; a study file may replace any."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from evaluation.listening.design.study import ARENA, MUSHRA, Study
from evaluation.listening.design.study_parts import Axis

FOLDER = Path(__file__).parent / "languages"
ENGLISH = "en"


@dataclass(frozen=True)
class Language:
    """One language: the page's strings, the usual consent, and how the paper's axes are asked.

    `points` are the words of a method's steps, lowest first; a question is one text, or one a task.
    """

    name: str
    strings: Mapping[str, str]
    consent: str
    axes: Mapping[str, str]
    points: Mapping[str, list[str]]
    questions: Mapping[str, Mapping[str, str | Mapping[str, str]]]


@functools.cache
def language(code: str) -> Language:
    """The language of a code of `known()`."""
    return Language(**yaml.safe_load((FOLDER / f"{code}.yaml").read_text(encoding="utf-8")))


def known() -> tuple[str, ...]:
    """Codes of the languages that ship, English first."""
    codes = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    return (ENGLISH, *(code for code in codes if code != ENGLISH))


def languages() -> dict[str, str]:
    """{code: name} of the languages that ship."""
    return {code: language(code).name for code in known()}


STRINGS = language(ENGLISH).strings
PAPER_AXES = tuple(language(ENGLISH).axes)


def default_axes(method: str) -> tuple[str, ...]:
    """The paper's four axes; an arena asks for the preference alone, MUSHRA for the quality."""
    return {ARENA: ("overall",), MUSHRA: ("quality",)}.get(method, PAPER_AXES)


def paper_axis(name: str, method: str, task: str, spoken: Language) -> Axis:
    """One of the paper's four axes (section 5.3.2), worded for the method and the task."""
    question = spoken.questions[method][name]
    worded = question if isinstance(question, str) else question[task]
    return Axis(name, spoken.axes[name], worded, tuple(spoken.points[method]))


def with_every_string(study: Study) -> Study:
    """A study that was stored before the page had all of these texts, with their defaults."""
    given = dict(study.language)
    return replace(
        study, language=tuple((key, given.get(key, text)) for key, text in STRINGS.items())
    )
