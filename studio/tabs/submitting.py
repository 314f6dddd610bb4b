"""From a form's values to queued jobs."""

from __future__ import annotations

import secrets
from typing import Any

import gradio as gr

from core.errors import InputError
from core.request import AudioPrompt, GenerationRequest
from studio.api.people import person_of
from studio.context import Studio


def person_asking(request: gr.Request) -> str:
    """Who sent a form.

    Raises: InputError when this browser keeps no cookies.
    """
    person = person_of(request.request.cookies if request.request else {})
    if person is None:
        raise InputError(
            "cookie",
            "",
            "this browser keeps no cookies here; allow them, or open this page in a tab of its own",
        )
    return person


def submit_variations(
    studio: Studio,
    person: str,
    prompt: str,
    seconds: float,
    audio: AudioPrompt | None,
    settings: dict[str, Any],
) -> tuple[int, list[str]]:
    """Queue the asked number of variations, each with the next seed.

    Args:
        settings: as `SamplingFields.read` gives them.

    Returns: (first seed, job ids).
    Raises: InputError or FailureError, before anything is queued unless the disk fills up.
    """
    settings = dict(settings)
    count, seed = settings.pop("variations"), settings.pop("seed")
    seed = secrets.randbelow(2**31 - count) if seed is None else seed
    wanted = [
        GenerationRequest(
            prompt or "",
            float(seconds),
            audio=audio,
            seed=seed + i,
            device=studio.settings.device,
            **settings,
        )
        for i in range(count)
    ]
    studio.queue.require_room(person, count)
    return seed, [studio.submit(person, each).id for each in wanted]
