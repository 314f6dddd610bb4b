"""What the tabs built with Gradio share: markup in the page's style, and who asks."""

from __future__ import annotations

import gradio as gr

from core.errors import InputError
from studio.api.people import person_of


def element(markup: str, elem_id: str | None = None) -> gr.HTML:
    """Markup written here, never text from people, in the page's own style."""
    return gr.HTML(markup, js_on_load=None, apply_default_css=False, elem_id=elem_id)


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
