"""The rater's requests as named endpoints, for programs that speak to Gradio."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.api.endpoints import answering_errors
from studio.rating import routes
from studio.rating.limits import RatingLimits
from studio.rating.registry import Studies


def add_endpoints(studies: Studies) -> None:
    """Add /listening_start, /listening_answer and /listening_withdraw to the page."""
    limits = RatingLimits()

    def ask(view: routes.Ask, given: routes.Given, request: gr.Request | None) -> routes.Given:
        client = request.client if request is not None else None
        with answering_errors():
            routes.require_room(limits, view, given, client.host if client else "")
            return view(studies.service(given["study"]), given)

    def listening_start(
        study: str, token: str, consent: bool, request: gr.Request
    ) -> dict[str, Any]:
        """Join with a fresh link, or come back with a known one."""
        given = {"study": study, "token": token, "consent": consent}
        return ask(routes.start, given, request)

    def listening_answer(
        study: str,
        token: str,
        trial_id: str,
        scores: dict[str, int],
        request: gr.Request,
        comment: str = "",
        listening: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store an answer once; a repeated one adds none."""
        given = {
            "study": study,
            "token": token,
            "trial_id": trial_id,
            "scores": scores,
            "comment": comment,
            "listening": listening,
        }
        return ask(routes.answer, given, request)

    def listening_withdraw(study: str, token: str) -> dict[str, Any]:
        """Delete all answers of a rater."""
        return ask(routes.withdraw, {"study": study, "token": token}, None)

    for endpoint in (listening_start, listening_answer, listening_withdraw):
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)
