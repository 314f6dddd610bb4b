"""The Benchmark tab: choose what is measured, see what is missing, watch, read, compare."""

from __future__ import annotations

from typing import Any

import gradio as gr

from studio.context import Studio
from studio.tabs.benchmark_handlers import AS_PLANNED, FOLDER, PLAN, Fields, Handlers, Shown
from studio.tabs.element import element
from studio.tabs.field_errors import FieldErrors
from studio.tabs.public_results import shipped_html
from studio.tabs.results import STYLE

WATCH_SECONDS = 1.0
PRIVATE: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": 2}
QUIET = {**PRIVATE, "show_progress": "hidden"}
NOTE = (
    '<h2>Your benchmarks</h2><p class="tab-note">Objective scores with their recipe and their '
    "intervals. A benchmark "
    "may take hours: it runs beside the music at the lowest priority, one at a time, and goes "
    "on where it was stopped. It is for whoever knows the admin token; while none is set, for "
    "whoever sits at the machine of this studio.</p>"
)


def build(studio: Studio) -> None:
    """Lay the tab out and connect it."""
    gr.HTML(STYLE + shipped_html(), elem_id="benchmark-shipped", js_on_load=None)
    element(NOTE)
    errors = FieldErrors("benchmark")
    with gr.Row():
        token = gr.Textbox(
            label="Admin token",
            type="password",
            elem_id="benchmark-token",
            max_length=256,
            placeholder="empty while none is set",
            min_width=260,
        )
        enter = gr.Button("Open", elem_id="benchmark-open", min_width=120, scale=0)
    errors.line("form")
    with gr.Column(visible=False) as area:
        fields = _fields(studio)
        with gr.Row():
            look = gr.Button("Check requirements", elem_id="benchmark-look")
            start = gr.Button("Start", variant="primary", elem_id="benchmark-start")
        needs = gr.HTML(elem_id="benchmark-needs", js_on_load=None)
        chosen = gr.Dropdown(
            [], label="Your benchmarks", elem_id="benchmark-chosen", filterable=False
        )
        state = gr.HTML(elem_id="benchmark-state", js_on_load=None)
        with gr.Row():
            stop = gr.Button("Stop", elem_id="benchmark-stop", size="sm")
            again = gr.Button("Resume", elem_id="benchmark-again", size="sm")
            delete = gr.Button("Delete", elem_id="benchmark-delete", size="sm")
        overview = gr.HTML(elem_id="benchmark-overview", js_on_load=None)
        with gr.Row():
            other = gr.Dropdown(
                [], label="Compare it with", elem_id="benchmark-other", filterable=False
            )
            compare = gr.Button("Compare", elem_id="benchmark-compare", min_width=120, scale=0)
        timer = gr.Timer(WATCH_SECONDS, active=False)
    showing = Shown(chosen, other, state, overview, timer)
    handlers = Handlers(studio, errors, fields, showing, area, needs)
    everything = [area, fields.plan, fields.recipe, *showing.outputs, *errors.outputs]
    for event in (enter.click, token.submit):
        event(handlers.enter, token, everything, **PRIVATE)
    fields.kind.change(
        _switch,
        fields.kind,
        [fields.plan, fields.limit, fields.available, fields.generated, fields.incomplete],
        **QUIET,
    )
    look.click(handlers.look, [token, *fields.inputs], [needs, *errors.outputs], **PRIVATE)
    seen = [*showing.outputs, *errors.outputs]
    start.click(handlers.start, [token, *fields.inputs], seen, **QUIET)
    for button, act in ((stop, handlers.stop), (again, handlers.go_on), (delete, handlers.delete)):
        button.click(act, [token, chosen], seen, **QUIET)
    compare.click(handlers.compare, [token, chosen, other], seen, **QUIET)
    chosen.input(handlers.choose, chosen, [state, overview, other, timer], **QUIET)
    timer.tick(handlers.watch, chosen, [state, overview, other, timer], **QUIET)


def _fields(studio: Studio) -> Fields:
    with gr.Row():
        kind = gr.Radio(
            [PLAN, FOLDER], value=PLAN, label="Measure", elem_id="benchmark-kind", min_width=260
        )
        recipe = gr.Dropdown(
            [AS_PLANNED],
            value=AS_PLANNED,
            label="Recipe",
            min_width=260,
            elem_id="benchmark-recipe",
            filterable=False,
        )
    with gr.Row():
        plan = gr.Dropdown(
            [],
            label="Plan",
            elem_id="benchmark-plan",
            allow_custom_value=True,
            min_width=260,
            info="or the path of a YAML file",
        )
        limit = gr.Number(
            0,
            label="Items (0: as the plan says)",
            precision=0,
            minimum=0,
            elem_id="benchmark-limit",
            min_width=140,
        )
    generated = gr.Textbox(
        label="Folder of music, named by item id",
        visible=False,
        elem_id="benchmark-generated",
        max_lines=1,
    )
    with gr.Row():
        audio = gr.Textbox(
            label="Folder of real clips",
            max_lines=1,
            elem_id="benchmark-audio",
            placeholder="as the plan says",
        )
        table = gr.Textbox(
            label="CSV of captions",
            max_lines=1,
            elem_id="benchmark-table",
            placeholder="as the plan says",
        )
    available, incomplete, fetch = _options(studio)
    return Fields(kind, plan, limit, available, generated, audio, table, incomplete, recipe, fetch)


def _options(studio: Studio) -> tuple[gr.Checkbox, gr.Checkbox, gr.Checkbox]:
    with gr.Row():
        available = gr.Checkbox(
            True, label="Leave out systems that are not here", elem_id="benchmark-available"
        )
        incomplete = gr.Checkbox(
            False,
            label="Allow means over less than 95 %",
            visible=False,
            elem_id="benchmark-incomplete",
        )
        fetch = gr.Checkbox(
            False,
            label="Download absent weights of metrics",
            visible=bool(studio.settings.downloads),
            elem_id="benchmark-fetch",
        )
    return available, incomplete, fetch


def _switch(kind: str) -> list[dict]:
    planned = kind == PLAN
    return [
        gr.update(visible=shown) for shown in (planned, planned, planned, not planned, not planned)
    ]
