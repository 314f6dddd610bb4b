"""What the Create form asks for: checks while it is filled in, jobs, and prompts to start from."""

from __future__ import annotations

import random
from typing import Annotated, Any

from fastapi import APIRouter, Body
from fastapi.responses import JSONResponse

from core.errors import StudioError
from core.requests.caption import sent_text
from studio.api import forms
from studio.api.asking import Person
from studio.context import Studio
from studio.library import prompt_ideas

Form = Annotated[dict[str, Any], Body()]


def add(router: APIRouter, studio: Studio) -> None:
    """Add the routes of the form."""

    @router.post("/form/check")
    def check(form: Form, person: Person) -> dict[str, Any]:
        """{"errors", "warnings": field -> text}; without errors also how many "seconds" it takes
        to make, and the text that is "sent" to the model."""
        answer: dict[str, Any] = {"errors": {}, "warnings": forms.warnings(form)}
        try:
            wanted = forms.read(studio, person, form)
        except forms.FormErrors as errors:
            return {**answer, "errors": errors.lines}
        seconds = studio.queue.planned_seconds(wanted)
        return {**answer, "seconds": round(seconds, 1), "sent": sent_text(wanted[0])}

    @router.post("/form/submit", response_model=None)
    def submit(form: Form, person: Person) -> JSONResponse | dict[str, Any]:
        """{"ids": of the jobs}; 400 {"errors": field -> text} when nothing was queued."""
        try:
            wanted = forms.read(studio, person, form)
            return {"ids": [job.id for job in studio.submit_together(person, wanted)]}
        except forms.FormErrors as errors:
            return JSONResponse({"errors": errors.lines}, 400)
        except StudioError as error:
            return JSONResponse({"errors": {forms.field_of(error): str(error)}}, 400)

    @router.get("/results/{identity}/form")
    def form_of(identity: str, person: Person) -> dict[str, Any]:
        """The form that made a result; `sound`: what it continued or edited, or None."""
        request = studio.library.request(person, studio.library.record(person, identity))
        return {"form": forms.write(request), "sound": forms.sound(request)}

    @router.get("/ideas/{variant}")
    def ideas(variant: str) -> dict[str, Any]:
        """Styles that a model does well, and a prompt drawn at random."""
        chosen = studio.variant(variant)
        return {
            "styles": [vars(idea) for idea in prompt_ideas.styles(chosen)],
            "drawn": prompt_ideas.draw(chosen, random.Random()),
        }
