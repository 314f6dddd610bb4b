"""Places one of the page's own elements (`web/*.js`) among Gradio's."""

from __future__ import annotations

import gradio as gr


def element(markup: str, elem_id: str | None = None) -> gr.HTML:
    """Markup written here, never text from people, in the page's own style."""
    return gr.HTML(markup, js_on_load=None, apply_default_css=False, elem_id=elem_id)
