"""The Compare tab: two to four results, heard at equal loudness."""

from __future__ import annotations

import gradio as gr

from studio.context import Studio


def build(studio: Studio) -> None:
    """Lay the tab out; choosing and playing is the element in `web/compare.js`."""
    gr.HTML('<p class="tab-note">Choose two to four of your pieces. Switching keeps the '
            "position.</p><studio-compare></studio-compare>", js_on_load=None,
            elem_id="compare")
