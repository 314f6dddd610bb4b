"""Carries what happens in the page's own elements to Gradio's fields."""

from __future__ import annotations

import gradio as gr

from core.errors import StudioError
from core.request import GenerationRequest
from studio.context import Studio
from studio.library.examples import shipped
from studio.tabs.continuing import ContinueTab
from studio.tabs.create import CreateTab
from studio.tabs.submitting import person_asking

SCRIPT = """
window.studioBridge = (name, id) => {
  if (name === 'again') trigger('again', { id });
  else if (name === 'fill') trigger('fill', { id });
  else trigger('continued', { id });
};
const connect = () => {
  if (window.studio) window.studio.bridge = window.studioBridge;
  else setTimeout(connect, 50);
};
connect();
"""


def build(studio: Studio, tabs: gr.Tabs, create: CreateTab, continuing: ContinueTab) -> None:
    """ "Edit and run again" fills the tab it came from, an example fills Create; "Continue this"
    opens Continue."""
    bridge = gr.HTML("", js_on_load=SCRIPT, elem_id="bridge", visible="hidden")

    def again(request: gr.Request, event: gr.EventData) -> dict:
        try:
            record = studio.library.record(person_asking(request), str(event.id))
            wanted = GenerationRequest.from_dict(record.request)
        except StudioError as error:
            gr.Warning(str(error))
            return {tabs: gr.update()}
        if wanted.audio is None:
            return {tabs: gr.Tabs(selected="create"), **create.filled_from(wanted)}
        return {tabs: gr.Tabs(selected="continue"), **continuing.filled_from(wanted)}

    def fill(event: gr.EventData) -> dict:
        return create.filled_from(shipped()[int(event.id)].request)

    quiet = {"show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None}
    fields = [
        create.prompt,
        create.seconds,
        *create.sampling.inputs,
        continuing.prompt,
        continuing.seconds,
        continuing.keep,
        *continuing.sampling.inputs,
    ]
    bridge.again(again, None, [tabs, *fields], **quiet)
    bridge.fill(fill, None, fields[: 2 + len(create.sampling.inputs)], **quiet)
    bridge.continued(lambda: gr.Tabs(selected="continue"), None, tabs, **quiet)
