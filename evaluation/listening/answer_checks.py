"""What a rater's page may send: every value is checked before it is stored."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from core.errors import InputError

LONGEST_COMMENT = 2000
LONGEST_LOG = 16_000  # characters of JSON
TONES = 3  # of a headphone trial


def checked_scores(
    scores: Mapping[str, int], wanted: Mapping[str, str], scale: tuple[int, int]
) -> dict[str, int]:
    """Scores under the names they are stored by.

    Args:
        wanted: {name that the page uses: name that is stored}.

    Raises: InputError when one is missing, unknown, or no whole number of the scale.
    """
    low, high = scale
    if not isinstance(scores, Mapping) or set(scores) != set(wanted):
        raise InputError("scores", scores, f"give one for each of {', '.join(wanted)}")
    for name, score in scores.items():
        if isinstance(score, bool) or not isinstance(score, int) or not low <= score <= high:
            raise InputError(f"score of {name}", score, f"give a whole number from {low} to {high}")
    return {stored: scores[name] for name, stored in wanted.items()}


def clean(text: str) -> str:
    """Without control characters (PostgreSQL takes no NUL) and broken surrogates."""
    kept = "".join(letter for letter in text if letter == "\n" or ord(letter) >= 32)
    return kept.encode("utf-8", "ignore").decode("utf-8")


def checked_comment(comment: str) -> str:
    """The comment, cleaned. Raises: InputError when it is no text or too long."""
    if not isinstance(comment, str) or len(comment) > LONGEST_COMMENT:
        raise InputError("comment", "", f"give a text of at most {LONGEST_COMMENT} characters")
    return clean(comment)


def checked_record(record: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A JSON object short enough to store. Raises: InputError otherwise."""
    try:
        text = json.dumps(dict(record), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InputError(name, "", "is not a JSON object") from error
    if len(text) > LONGEST_LOG:
        raise InputError(name, f"{len(text)} characters", f"give at most {LONGEST_LOG}")
    return json.loads(text)


def checked_listening(log: Mapping[str, Any]) -> dict[str, Any]:
    """The page's log of what was played. Raises: InputError for anything else."""
    record = checked_record(log, "listening log")
    if not set(record) <= {"heard", "events"}:
        raise InputError("listening log", ", ".join(sorted(record)), "holds heard and events only")
    heard = record.get("heard", [])
    if not isinstance(heard, list) or not all(
        isinstance(share, int | float) and math.isfinite(share) and 0 <= share <= 1
        for share in heard
    ):
        raise InputError("heard", heard, "give the share of each clip, from 0 to 1")
    return record


def checked_headphones(record: Mapping[str, Any], trials: int) -> dict[str, Any]:
    """Answers of the headphone test. Raises: InputError unless there is one a trial, 0 to 2."""
    answers = record.get("answers")
    if (
        not trials
        or set(record) != {"answers"}
        or not isinstance(answers, list)
        or len(answers) != trials
        or not all(type(answer) is int and 0 <= answer < TONES for answer in answers)
    ):
        raise InputError("headphone answers", "", f"give {trials} numbers from 0 to {TONES - 1}")
    return {"answers": answers}
