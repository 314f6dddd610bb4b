"""The form that writes a study file, and what is done with the file: check, prepare."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from core.errors import InputError, StudioError
from evaluation.listening import METHOD_NAMES, languages
from studio.rating.making import StudyForm, StudyMaker, draft
from studio.tabs.field_errors import FieldErrors

PRIVATE: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": 2}
RECRUITMENT = [
    ("anybody with the link", ""),
    ("invited links only", "invited"),
    ("Prolific", "prolific"),
    ("MTurk", "mturk"),
]
SYSTEMS = "nano: variant nano\nno-flow: variant nano-no-flow"
PROMPTS = "calm solo piano\nhouse music with synth bass\ncountry folk with banjo"
POLL_SECONDS = 2.0
Check = Callable[[str, gr.Request], None]


def build(maker: StudyMaker, token: gr.Textbox, check: Check) -> None:
    """Lay the form out and connect it. `check(token, request)` raises for a wrong token."""
    errors = FieldErrors("study")
    fields = {**_design_fields(), **_session_fields(), **_people_fields()}
    write = gr.Button("Write the study file", elem_id="study-write")
    file = gr.Textbox(
        "",
        lines=12,
        label="study.yaml: every field of `python -m evaluation listening --help` may be added",
        elem_id="study-file",
    )
    with gr.Row():
        look = gr.Button("Check", elem_id="study-check")
        make = gr.Button("Prepare", variant="primary", elem_id="study-prepare")
    errors.line("form")
    said = gr.Textbox("", lines=3, label="State", interactive=False, elem_id="study-state")

    def answering(
        request: gr.Request, token: str, act: Callable[[], dict[Any, Any]]
    ) -> dict[Any, Any]:
        try:
            check(token, request)
            return {**errors.clear(), **act()}
        except StudioError as error:
            return errors.show(error)

    def on_write(request: gr.Request, token: str, *values: Any) -> dict[Any, Any]:
        given = dict(zip(fields, values))
        return answering(request, token, lambda: {file: draft(_filled(given))})

    def on_check(token: str, text: str, request: gr.Request) -> dict[Any, Any]:
        return answering(request, token, lambda: {said: maker.check(text)})

    outputs = errors.outputs
    write.click(on_write, [token, *fields.values()], [file, *outputs], **PRIVATE)
    look.click(on_check, [token, file], [said, *outputs], **PRIVATE)
    made, timer = gr.State(""), gr.Timer(POLL_SECONDS, active=False)

    def on_make(token: str, text: str, request: gr.Request) -> dict[Any, Any]:
        def act() -> dict[Any, Any]:
            return {made: maker.make(text), said: "waiting", timer: gr.Timer(active=True)}

        return answering(request, token, act)

    def on_tick(token: str, name: str, request: gr.Request) -> dict[Any, Any]:
        try:
            check(token, request)
        except StudioError:
            return {timer: gr.Timer(active=False)}
        state = maker.status(name)
        is_done = state.startswith(("ready", "failed"))
        return {said: state, timer: gr.Timer(active=not is_done)}

    make.click(on_make, [token, file], [made, said, timer, *outputs], **PRIVATE)
    timer.tick(on_tick, [token, made], [said, timer], show_progress="hidden", **PRIVATE)


def _design_fields() -> dict[str, Any]:
    """What is compared, and how; keys are fields of `StudyForm`."""
    with gr.Row():
        name = gr.Textbox("my-study", label="Name (of link and files)", elem_id="study-name")
        title = gr.Textbox("", label="Title that raters read", elem_id="study-title")
    methods = [(label, method) for method, label in METHOD_NAMES.items()]
    method = gr.Radio(methods, value="MOS", label="Method", elem_id="study-method")
    with gr.Row():
        baseline = gr.Textbox("", label="Baseline of pairs (empty: all pairs)")
        reference = gr.Textbox(
            "", label="Folder of the originals (MUSHRA)", elem_id="study-reference"
        )
    systems = gr.Textbox(
        SYSTEMS,
        lines=3,
        label="Systems: NAME: variant|folder|run WHAT, one a line",
        elem_id="study-systems",
    )
    prompts = gr.Textbox(PROMPTS, lines=4, label="Prompts, one a line", elem_id="study-prompts")
    return {
        "name": name,
        "title": title,
        "method": method,
        "baseline": baseline,
        "reference": reference,
        "systems": systems,
        "prompts": prompts,
    }


def _session_fields() -> dict[str, Any]:
    """What one rater goes through."""

    def number(value: float, label: str, name: str, precision: int | None = 0) -> gr.Number:
        return gr.Number(
            value, precision=precision, label=label, elem_id=f"study-{name}", min_width=120
        )

    with gr.Row():
        fields: dict[str, Any] = {
            "seconds": number(10, "Seconds of a clip", "seconds", None),
            "trials": number(6, "Trials a rater", "trials"),
            "attention": number(1, "Attention checks", "attention"),
            "controls": number(0, "Anchors or identical pairs", "controls"),
        }
    with gr.Row():
        choices = [(label, code) for code, label in languages().items()]
        fields["language"] = gr.Dropdown(
            choices, value="en", label="Language of the rater's page", elem_id="study-language"
        )
        fields["headphone_test"] = gr.Checkbox(
            False, label="Headphone test before the trials", elem_id="study-headphones"
        )
    fields["consent"] = gr.Textbox("", lines=2, label="Consent text (empty: the usual one)")
    return fields


def _people_fields() -> dict[str, Any]:
    """Who takes part, and who sees the results."""
    with gr.Row():
        public = gr.Checkbox(False, label="Results are public", elem_id="study-public")
        platform = gr.Radio(RECRUITMENT, value="", label="Who may join", elem_id="study-platform")
    fields = {"is_public": public, "platform": platform}
    with gr.Row():
        for name in ("completed", "screened_out", "withdrawn"):
            fields[name] = gr.Textbox(
                "",
                label=f"Code: {name.replace('_', ' ')}",
                elem_id=f"study-{name.replace('_', '-')}",
            )
    return fields


def _filled(given: dict[str, Any]) -> StudyForm:
    if any(given[name] is None for name in ("seconds", "trials", "attention", "controls")):
        raise InputError("numbers", "", "fill every number of the form")
    return StudyForm(**given)
