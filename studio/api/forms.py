"""What a form says <-> the requests it asks for: every field by its one declaration.

A form is a flat mapping of names to text. Beside the request's own fields it may say how many
variations, and which kept sound is continued or edited (`upload`, `from`, `to`, `only_new`).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from core.errors import InputError, StudioError
from core.requests.checks import require_known_edit
from core.requests.request import FIELDS, AudioPrompt, Edit, GenerationRequest
from studio.context import Studio
from studio.library.prompt_ideas import styles

MOST_VARIATIONS = 4
EDITS = ("redo_from", "redo", "before", "loop")
EXTRAS = ("variations", "upload", "from", "to", "only_new", *EDITS)
CLOCK = re.compile(r"(\d{1,2}):([0-5]?\d(?:\.\d+)?)")
ELSEWHERE = "form"
SAME_FIELD = {
    "section": "sections",
    "model folder": "variant",
    "weights": "variant",
    "tensor": "variant",
    "span": "audio",
}


class FormErrors(Exception):
    """One line per field that cannot be used: field name -> text."""

    def __init__(self, lines: Mapping[str, str]) -> None:
        super().__init__(dict(lines))
        self.lines = dict(lines)


def read(studio: Studio, person: str, form: Mapping[str, Any]) -> list[GenerationRequest]:
    """The requests of a form, one a variation, each with the next seed.

    Raises: FormErrors naming every field that cannot be used.
    """
    errors: dict[str, str] = {}
    values: dict[str, Any] = {}
    count, audio, edit = 1, None, None
    for name in set(form) - set(FIELDS) - set(EXTRAS):
        errors[ELSEWHERE] = f"form field {str(name)[:40]}: is unknown; load the page again"
    with _collecting(errors, "variations"):
        count = _count(form.get("variations"))
    with _collecting(errors, "audio"):
        audio = _audio(studio, person, form)
    with _collecting(errors, "edit"):
        edit = _edit(form)
    for name in set(form) & set(FIELDS) - {"audio", "edit", "device"}:
        with _collecting(errors, name):
            given = form[name]
            values[name] = FIELDS[name].parse(clock(given) if name == "seconds" else given)
    with _collecting(errors, "seconds"):
        _check_length(studio, values.get("seconds"), edit)
    if not errors:
        with _collecting(errors, ELSEWHERE):
            first = GenerationRequest(
                **values, audio=audio, edit=edit, device=studio.settings.device
            )
            _check_studio(studio, first)
            fresh = values.get("seed") is None
            seed = secrets.randbelow(2**31 - count) if fresh else first.seed
            return [first.with_seed(seed + i) for i in range(count)]
    if "prompt" in errors and not str(form.get("prompt") or "").strip():
        errors["prompt"] = _say_what(studio, values.get("variant"))
    raise FormErrors(errors)


def write(request: GenerationRequest) -> dict[str, str]:
    """The form that asks for this request (its sound aside): field name -> text, "" for what is
    as it is declared. `read` of it gives the request back."""
    plain = request.as_dict()
    shown = {n: _text(plain[n]) for n, s in FIELDS.items() if s.place not in ("machine", "given")}
    if request.edit is not None:  # which decides the length
        shown["seconds"] = ""
    return shown


def sound(request: GenerationRequest) -> dict[str, Any] | None:
    """The kept sound that a request continues or edits, as the form names it."""
    if request.audio is None:
        return None
    audio = request.audio
    given = {
        "upload": Path(audio.path).name,
        "from": audio.start,
        "to": audio.end,
        "only_new": audio.only_new,
    }
    return {**given, "edit": None if request.edit is None else request.edit.kind}


def warnings(form: Mapping[str, Any]) -> dict[str, str]:
    """What may be meant otherwise but is allowed: field name -> text."""
    prompt = str(form.get("prompt") or "")
    letters = [c for c in prompt if c.isalpha()]
    foreign = sum(c > "\u024f" for c in letters)
    if foreign > len(letters) / 4:
        return {
            "prompt": "The models were trained on English descriptions; this may not be understood."
        }
    return {}


def clock(value: Any) -> Any:
    """ "1:30" -> 90.0; anything else as it is."""
    found = CLOCK.fullmatch(value.strip()) if isinstance(value, str) else None
    return 60 * int(found[1]) + float(found[2]) if found else value


def field_of(error: StudioError) -> str:
    """The form's field that an error belongs to, or ELSEWHERE."""
    name = error.name.replace("-", "_")
    name = SAME_FIELD.get(error.name, "audio" if "audio" in error.name else name)
    return name if name in (*FIELDS, *EXTRAS) else ELSEWHERE


@contextmanager
def _collecting(errors: dict[str, str], field: str) -> Iterator[None]:
    try:
        yield
    except StudioError as error:
        found = field_of(error)
        errors.setdefault(field if found == ELSEWHERE else found, str(error))


def _count(value: Any) -> int:
    try:
        count = int(value or 1)
    except (TypeError, ValueError, OverflowError):
        count = 0
    if not 1 <= count <= MOST_VARIATIONS:
        raise InputError("variations", value, f"must be from 1 to {MOST_VARIATIONS}")
    return count


def _seconds(name: str, value: Any) -> float | None:
    value = clock(value)
    try:
        return None if value in (None, "") else float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(name, value, "must be a number of seconds, or minutes:seconds") from error


def _audio(studio: Studio, person: str, form: Mapping[str, Any]) -> AudioPrompt | None:
    if not form.get("upload"):
        if any(form.get(name) for name in ("from", "to", *EDITS)):
            raise InputError("audio", "", "drop a file, record, or choose one of your pieces")
        return None
    path = studio.library.upload(person, str(form["upload"]))
    start, end = _seconds("from", form.get("from")), _seconds("to", form.get("to"))
    return AudioPrompt(str(path), start or 0.0, end, form.get("only_new") in ("yes", True))


def _edit(form: Mapping[str, Any]) -> Edit | None:
    given = {name: form[name] for name in EDITS if form.get(name) not in (None, "")}
    if not given:
        return None
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name == "redo":
            low, _, high = str(value).partition("-")
            values[name] = (_seconds(name, low), _seconds(name, high))
        elif name == "loop":
            text = str(value)
            values[name] = int(text) if text.isdecimal() and len(text) < 10 else value
        else:
            values[name] = _seconds(name, value)
    return Edit(**values)


def _check_length(studio: Studio, seconds: float | None, edit: Edit | None) -> None:
    most = studio.settings.max_seconds
    if seconds is None and edit is None:
        raise InputError("seconds", "(empty)", "type a length, for example 10 or 1:30")
    if seconds is not None and seconds > most:
        raise InputError("seconds", f"{seconds:g}", f"is too long; at most {most:g} s here")


def _say_what(studio: Studio, variant: str | None) -> str:
    """What an empty prompt is told: an example that the chosen model does well."""
    example = styles(studio.variant(variant or studio.settings.first_variant))[0].prompt
    return f"Describe the music, for example: {example}"


def _check_studio(studio: Studio, request: GenerationRequest) -> None:
    """What this studio allows, before anything is queued."""
    studio.variant(request.variant)
    require_known_edit(request)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    if isinstance(value, tuple | list):
        return ", ".join(
            f"{v['structure']}:{_text(v['start'])}-{_text(v['end'])}"
            if isinstance(v, dict)
            else str(v)
            for v in value
        )
    return str(value)
