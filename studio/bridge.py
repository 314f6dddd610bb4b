"""Carries what happens in the page's own elements to Gradio's fields."""

from __future__ import annotations

import gradio as gr

from core.errors import StudioError
from core.request import GenerationRequest
from studio.context import Studio
from studio.submitting import person_asking
from studio.tabs.create import CreateTab

SCRIPT = """
window.studioBridge = (name, id) => {
  if (name === 'again') trigger('again', { id });
  else trigger('continued', { id });
};
const connect = () => {
  if (window.studio) window.studio.bridge = window.studioBridge;
  else setTimeout(connect, 50);
};
connect();
"""


def build(studio: Studio, tabs: gr.Tabs, create: CreateTab) -> None:
    """"Edit and run again" fills the Create tab; "Continue this" opens the Continue tab."""
    bridge = gr.HTML("", js_on_load=SCRIPT, elem_id="bridge", visible="hidden")

    def again(request: gr.Request, event: gr.EventData) -> dict:
        try:
            record = studio.library.record(person_asking(request), str(event.id))
        except StudioError as error:
            gr.Warning(str(error))
            return {tabs: gr.update()}
        wanted = GenerationRequest.from_dict(record.request)
        return {tabs: gr.Tabs(selected="create"), create.prompt: wanted.prompt,
                create.seconds: wanted.seconds, **create.sampling.filled_from(wanted)}

    quiet = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    bridge.again(again, None, [tabs, create.prompt, create.seconds, *create.sampling.inputs],
                 **quiet)
    bridge.continued(lambda: gr.Tabs(selected="continue"), None, tabs, **quiet)
