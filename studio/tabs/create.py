"""The Create tab: text in, music out."""

from __future__ import annotations

import html
import json
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.errors import StudioError
from core.request import GenerationRequest
from studio.context import Studio
from studio.library.examples import LIMITS, shipped
from studio.tabs.element import element
from studio.tabs.field_errors import FieldErrors
from studio.tabs.sampling_fields import SamplingFields
from studio.tabs.submitting import person_asking, submit_variations


@dataclass(frozen=True)
class CreateTab:
    """What other tabs fill in."""

    prompt: gr.Textbox
    seconds: gr.Slider
    sampling: SamplingFields

    def filled_from(self, request: GenerationRequest) -> dict[Any, Any]:
        """Updates that show a request in the fields."""
        return {
            self.prompt: request.prompt,
            self.seconds: request.seconds,
            **self.sampling.filled_from(request),
        }


def build(studio: Studio) -> CreateTab:
    """Lay the tab out and connect it."""
    errors = FieldErrors("create")
    pieces = [
        {"file": piece.file, "prompt": piece.request.prompt, "seed": piece.request.seed}
        for piece in shipped()
    ]
    with gr.Row(elem_classes="desk-row"):
        with gr.Column(scale=5, min_width=320):
            prompt = gr.Textbox(
                label="Describe the music",
                lines=3,
                max_lines=6,
                elem_id="create-prompt",
                placeholder="instruments, mood, tempo, style",
                info=LIMITS,
            )
            errors.line("prompt", "prompt")
            if pieces:
                element(
                    '<a class="examples-link" href="#create-examples">Examples to hear</a>',
                    "create-examples-link",
                )
            seconds = gr.Slider(
                1,
                studio.settings.max_seconds,
                value=10,
                step=1,
                label="Length in seconds",
                elem_id="create-seconds",
                buttons=[],
            )
            errors.line("seconds", "seconds")
            generate = gr.Button(
                "Generate", variant="primary", elem_id="create-generate", size="lg"
            )
            errors.line("form")
            sampling = SamplingFields(studio, "create", errors, seconds)
        with gr.Column(scale=6, min_width=320):
            element(
                '<studio-desk id="create-desk" data-title="Your music" data-adopt="1">'
                "</studio-desk>",
                "create-desk-holder",
            )
            if pieces:
                element(
                    f'<studio-examples data-pieces="{html.escape(json.dumps(pieces))}">'
                    "</studio-examples>",
                    "create-examples",
                )
    started = gr.Textbox(visible="hidden", elem_id="create-started", label="jobs")

    def submit(request: gr.Request, text: str, length: float, *values: Any) -> dict:
        try:
            seed, ids = submit_variations(
                studio, person_asking(request), text, length, None, sampling.read(values, length)
            )
        except StudioError as error:
            return {**errors.show(error), started: ""}
        return {**errors.clear(), started: " ".join(ids), sampling.seed: str(seed)}

    generate.click(
        submit,
        [prompt, seconds, *sampling.inputs],
        [started, sampling.seed, *errors.outputs],
        concurrency_limit=None,
        show_progress="hidden",
        api_visibility="private",
    ).then(
        None,
        [started],
        None,
        js="(ids) => { window.studio.watch('create-desk', ids); }",
        api_visibility="private",
    )
    return CreateTab(prompt, seconds, sampling)
