"""The Continue tab: new music after a piece of audio."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.errors import InputError, StudioError
from core.request import AudioPrompt, GenerationRequest
from studio.context import Studio
from studio.tabs.element import element
from studio.tabs.field_errors import FieldErrors
from studio.tabs.sampling_fields import SamplingFields
from studio.tabs.submitting import person_asking, submit_variations

WITH, WITHOUT = "the sound given, then the new music", "only the new music"


@dataclass(frozen=True)
class ContinueTab:
    """What an earlier request fills in."""

    prompt: gr.Textbox
    seconds: gr.Slider
    keep: gr.Radio
    sampling: SamplingFields

    def filled_from(self, request: GenerationRequest) -> dict[Any, Any]:
        """Updates that show a request in the fields (its sound is chosen by the page)."""
        only_new = request.audio is not None and request.audio.only_new
        return {
            self.prompt: request.prompt,
            self.seconds: request.seconds,
            self.keep: WITHOUT if only_new else WITH,
            **self.sampling.filled_from(request),
        }


def build(studio: Studio) -> ContinueTab:
    """Lay the tab out and connect it; choosing the part is `web/prompt-audio.js`."""
    errors = FieldErrors("continue")
    with gr.Row():
        with gr.Column(scale=5, min_width=320):
            element(
                f'<studio-prompt-audio data-megabytes="{studio.settings.upload_megabytes}">'
                "</studio-prompt-audio>",
                "continue-audio",
            )
            errors.line(
                "audio",
                "audio",
                "audio file",
                "audio span",
                "prompt audio",
                "audio to continue",
                "start of the audio span",
                "end of the audio span",
            )
            prompt = gr.Textbox(
                label="Describe what follows (may stay empty)",
                lines=2,
                elem_id="continue-prompt",
                placeholder="as it was, or a new turn",
            )
            errors.line("prompt", "prompt")
            seconds = gr.Slider(
                1,
                studio.settings.max_seconds,
                value=10,
                step=1,
                label="Seconds of new music",
                elem_id="continue-seconds",
                buttons=[],
            )
            errors.line("seconds", "seconds")
            keep = gr.Radio(
                [WITH, WITHOUT], value=WITH, label="The result holds", elem_id="continue-keep"
            )
            generate = gr.Button(
                "Continue", variant="primary", elem_id="continue-generate", size="lg"
            )
            errors.line("form")
            sampling = SamplingFields(studio, "continue", errors, seconds)
        with gr.Column(scale=6, min_width=320):
            element(
                '<studio-desk id="continue-desk" data-title="Continued" '
                'data-empty="The continued music will appear here."></studio-desk>'
            )
    chosen = gr.Textbox(visible="hidden", elem_id="continue-chosen", label="chosen sound")
    started = gr.Textbox(visible="hidden", elem_id="continue-started", label="jobs")

    def submit(
        request: gr.Request, part: str, text: str, length: float, holds: str, *values: Any
    ) -> dict:
        try:
            person = person_asking(request)
            audio = read_part(studio, person, part, only_new=holds == WITHOUT)
            seed, ids = submit_variations(
                studio, person, text, length, audio, sampling.read(values, length)
            )
        except StudioError as error:
            return {**errors.show(error), started: ""}
        return {**errors.clear(), started: " ".join(ids), sampling.seed: str(seed)}

    generate.click(
        submit,
        [chosen, prompt, seconds, keep, *sampling.inputs],
        [started, sampling.seed, *errors.outputs],
        concurrency_limit=None,
        show_progress="hidden",
        api_visibility="private",
        js="(part, ...rest) => [window.studio.promptAudio(), ...rest]",
    ).then(
        None,
        [started],
        None,
        js="(ids) => { window.studio.watch('continue-desk', ids); }",
        api_visibility="private",
    )
    return ContinueTab(prompt, seconds, keep, sampling)


def read_part(studio: Studio, person: str, part: str, only_new: bool) -> AudioPrompt:
    """What the page says about the chosen sound: {"upload", "start", "end"} as JSON.

    Raises: InputError when nothing is chosen, or it is not this person's.
    """
    if not part:
        raise InputError(
            "audio",
            "",
            "give a file, record something, or press 'Continue this' on one of your results",
        )
    try:
        given = json.loads(part)
        name, start, end = str(given["upload"]), float(given["start"]), float(given["end"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("audio", "", "the chosen part cannot be read; choose it again") from error
    path = studio.library.upload(person, name)
    return AudioPrompt(str(path), start, end, only_new)
