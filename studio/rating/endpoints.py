"""The rater's requests as named endpoints, for programs that speak to Gradio."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.api.endpoints import answering_errors
from studio.rating import routes
from studio.rating.registry import Studies


def add_endpoints(studies: Studies) -> None:
    """Add /listening_start, /listening_answer and /listening_withdraw to the page."""

    def listening_start(study: str, token: str, consent: bool) -> dict[str, Any]:
        """Join with a fresh link, or come back with a known one."""
        with answering_errors():
            return routes.start(studies.desk(study), {"token": token, "consent": consent})

    def listening_answer(
        study: str,
        token: str,
        trial_id: str,
        scores: dict[str, int],
        comment: str = "",
        listening: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Store an answer once; a repeated one adds none."""
        with answering_errors():
            return routes.answer(
                studies.desk(study),
                {
                    "token": token,
                    "trial_id": trial_id,
                    "scores": scores,
                    "comment": comment,
                    "listening": listening,
                },
            )

    def listening_withdraw(study: str, token: str) -> dict[str, Any]:
        """Delete all answers of a rater."""
        with answering_errors():
            return routes.withdraw(studies.desk(study), {"token": token})

    for endpoint in (listening_start, listening_answer, listening_withdraw):
        gr.api(endpoint, api_name=endpoint.__name__, concurrency_limit=None)
