"""What the fields of a request must fit beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from core.checkpoints import adapters
from core.errors import InputError
from core.requests.parts import check_edit

if TYPE_CHECKING:
    from core.requests.request import GenerationRequest

LEAST_HEARD_SECONDS = 5.0  # of music in which tempo and key are looked for


def check_together(request: GenerationRequest) -> None:
    """What no field can check alone.

    Raises: InputError naming the first field that does not fit the others.
    """
    if not request.prompt and request.audio is None and not request.describes_music:
        raise InputError(
            "prompt",
            "(empty)",
            "describe the music, for example 'upbeat funk with slap bass and drums'",
        )
    if request.min_seconds is not None and request.min_seconds > request.seconds:
        raise InputError(
            "min-seconds",
            request.min_seconds,
            f"must be at most the length asked for, {request.seconds:g} s",
        )
    if request.keep > request.best_of:
        raise InputError("keep", request.keep, f"must be at most best-of, {request.best_of}")
    if request.negative and (request.guidance < 0 or request.guidance == 1):
        raise InputError(
            "negative", request.negative, f"needs guidance, which {request.guidance:g} turns off"
        )
    if request.negative and request.compat == "official":
        raise InputError(
            "negative", request.negative, "is unknown to the released code; leave compat out"
        )
    for text in request.lora:
        adapters.split(text)
    if request.choose_by == "adherence":
        _check_listening(request)
    if request.edit is not None:
        check_edit(request.edit, request.audio)
        for name in ("compat", "min_seconds"):
            if getattr(request, name) is not None:
                raise InputError(name.replace("_", "-"), getattr(request, name), "is not for edits")


def _check_listening(request: GenerationRequest) -> None:
    """Whether there is something to choose among and something to hear."""
    if request.edit is not None:
        raise InputError(
            "choose-by", request.choose_by, "is not for edits, which lead into what follows"
        )
    if request.best_of < 2:
        raise InputError("choose-by", request.choose_by, "needs best-of, of at least 2")
    if not request.asked:
        raise InputError(
            "choose-by",
            request.choose_by,
            "finds nothing to listen for; name a tempo, a key, drums yes or no, or a style "
            "such as rock, jazz or house",
        )
    if request.seconds < LEAST_HEARD_SECONDS:
        raise InputError(
            "choose-by",
            request.choose_by,
            f"needs at least {LEAST_HEARD_SECONDS:g} s of music to hear tempo and key in",
        )


def require_known_edit(request: GenerationRequest) -> None:
    """Raises: InputError for an edit that the request's model was not trained for."""
    if request.edit is not None and request.edit.before is not None:
        raise InputError(
            "before",
            f"{request.edit.before:g}",
            f"{request.variant} was trained to go on from music, not to lead into it; redo a span, "
            "or continue",
        )
