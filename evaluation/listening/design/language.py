"""Every string the rater's page shows, in English; a study file may replace any of them."""

from __future__ import annotations

from dataclasses import replace

from evaluation.listening.design.study import (
    ARENA,
    CCR,
    CONTINUATION,
    MOS,
    MUSHRA,
    TEXT_TO_MUSIC,
    Study,
)
from evaluation.listening.design.study_parts import Axis

STRINGS = {
    "welcome": "Listening test",
    "consent_button": "I have read this and take part",
    "keep_link": "Keep this link: it brings you back to where you stopped.",
    "headphones": "Please use headphones in a quiet place.",
    "level_check": "Play the sound and set a comfortable level. Do not change it later.",
    "level_done": "The level is fine",
    "training": "Training: these answers do not count.",
    "main": "The test begins now.",
    "progress": "{position} of {total}",
    "description": "Description",
    "prompt": "Prompt",
    "continuation": "Continuation",
    "first": "A",
    "second": "B",
    "play": "Play",
    "pause": "Pause",
    "listen_more": "Listen a little longer to answer.",
    "attention": "Count the beeps and give that number on every scale.",
    "attention_pair": "Count the beeps and give that number, from +1 to +3, on every scale.",
    "comment": "Comment (optional)",
    "next": "Next",
    "saved": "Saved",
    "offline": "No connection: your answer is kept here and sent again.",
    "break": "Take a break",
    "resume": "Go on",
    "finished": "Thank you. This is your completion code:",
    "withdraw": "Withdraw",
    "withdraw_sure": "Withdraw and delete all my answers?",
    "withdrawn": "Your answers have been deleted.",
    "closed": "This study is not open.",
    "clip_failed": "A clip did not load. Check the connection, then press Play to try again.",
    "listen_more_first": "Listen to A a little longer to answer.",
    "listen_more_second": "Listen to B a little longer to answer.",
    "no_connection": "No connection; trying again.",
    "return_to_platform": "Go back to the platform that sent you",
    "reference": "Reference",
    "mushra": "Compare every clip with the reference. One of the clips is the reference itself: "
    "give it 100. You may switch while it plays and listen again.",
    "left_to_hear": "Still to be heard: {clips}",
    "left_to_score": "Still to be scored: {clips}",
    "not_scored": "not scored yet",
    "headphone_test": "Headphone test",
    "headphone_question": "You hear three tones. Which one is the softest: the first, the second "
    "or the third?",
    "tone": "Tone {number}",
}


CONSENT = (
    "You will hear short pieces of music and score them. Taking part is voluntary; you may stop "
    "or withdraw at any time, and withdrawing deletes your answers. We store your scores, your "
    "comments, when you gave them and how long you listened, under a random number; no name, "
    "address or browser data."
)

POINTS = {
    MOS: ("Bad", "Poor", "Fair", "Good", "Excellent"),
    CCR: (
        "Much worse",
        "Worse",
        "Slightly worse",
        "About the same",
        "Slightly better",
        "Better",
        "Much better",
    ),
    ARENA: ("A is better", "Tie", "B is better", "Both are bad"),
    MUSHRA: ("Bad", "Poor", "Fair", "Good", "Excellent"),
}

_LABELS = {
    "alignment": "Alignment",
    "quality": "Audio quality",
    "musicality": "Musicality",
    "overall": "Overall",
}
_QUESTIONS: dict[str, dict[str, str | dict[str, str]]] = {
    MOS: {
        "alignment": {
            TEXT_TO_MUSIC: "How well does the music fit the description?",
            CONTINUATION: "How well does the music fit the prompt?",
        },
        "quality": {
            TEXT_TO_MUSIC: "How good is the sound: free of noise and distortion, and "
            "coherent throughout?",
            CONTINUATION: "How good is the sound, and how well does it follow the "
            "prompt's melody, rhythm and type?",
        },
        "musicality": "How good are melody, harmony, rhythm, structure and instrumentation?",
        "overall": "How good is this clip overall?",
    },
    CCR: {
        "alignment": {
            TEXT_TO_MUSIC: "How well does B fit the description, compared with A?",
            CONTINUATION: "How well does B fit the prompt, compared with A?",
        },
        "quality": "How good is the sound of B, compared with A?",
        "musicality": "How musical is B, compared with A?",
        "overall": "How good is B overall, compared with A?",
    },
    ARENA: {
        "alignment": {
            TEXT_TO_MUSIC: "Which fits the description better?",
            CONTINUATION: "Which fits the prompt better?",
        },
        "quality": "Which sounds better?",
        "musicality": "Which is more musical?",
        "overall": "Which do you prefer?",
    },
    MUSHRA: {
        "alignment": "How well does each clip fit the description?",
        "quality": "How close is the sound of each clip to the reference?",
        "musicality": "How musical is each clip, compared with the reference?",
        "overall": "How good is each clip, compared with the reference?",
    },
}
PAPER_AXES = tuple(_LABELS)


def default_axes(method: str) -> tuple[str, ...]:
    """The paper's four axes; an arena asks for the preference alone, MUSHRA for the quality."""
    return {ARENA: ("overall",), MUSHRA: ("quality",)}.get(method, PAPER_AXES)


def paper_axis(name: str, method: str, task: str) -> Axis:
    """One of the paper's four axes (section 5.3.2), worded for the method and the task."""
    question = _QUESTIONS[method][name]
    worded = question if isinstance(question, str) else question[task]
    return Axis(name, _LABELS[name], worded, POINTS[method])


def with_every_string(study: Study) -> Study:
    """A study that was stored before the page had all of these texts, with their defaults."""
    given = dict(study.language)
    return replace(
        study, language=tuple((key, given.get(key, text)) for key, text in STRINGS.items())
    )
