"""The Benchmark tab: choose what is measured, see what is missing, watch, read, compare."""

from __future__ import annotations

import html
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from core.errors import InputError, StudioError
from studio.benchmark import (
    BenchmarkRequest,
    BenchmarkRun,
    ComparisonRequest,
    FolderRequest,
    PlanRequest,
    require_permission,
)
from studio.benchmark.running import OVERVIEW, plan_of
from studio.context import Studio
from studio.tabs.element import element, person_asking
from studio.tabs.field_errors import FieldErrors
from studio.tabs.public_results import shipped_html
from studio.tabs.results import STYLE

PLAN, FOLDER = "a plan", "a folder of music"
AS_PLANNED = "as the plan says"
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


@dataclass(frozen=True)
class _Asking:
    """The fields that say what is measured."""

    kind: gr.Radio
    plan: gr.Dropdown
    limit: gr.Number
    available: gr.Checkbox
    generated: gr.Textbox
    audio: gr.Textbox
    table: gr.Textbox
    incomplete: gr.Checkbox
    recipe: gr.Dropdown
    fetch: gr.Checkbox

    @property
    def inputs(self) -> list:
        return [
            self.kind,
            self.plan,
            self.limit,
            self.available,
            self.generated,
            self.audio,
            self.table,
            self.incomplete,
            self.recipe,
            self.fetch,
        ]


@dataclass(frozen=True)
class _Showing:
    """What handlers fill."""

    chosen: gr.Dropdown
    other: gr.Dropdown
    state: gr.HTML
    overview: gr.HTML
    timer: gr.Timer

    @property
    def outputs(self) -> list:
        return [self.chosen, self.other, self.state, self.overview, self.timer]


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
    showing = _Showing(chosen, other, state, overview, timer)
    desk = _Handlers(studio, errors, fields, showing, area, needs)
    everything = [area, fields.plan, fields.recipe, *showing.outputs, *errors.outputs]
    for event in (enter.click, token.submit):
        event(desk.enter, token, everything, **PRIVATE)
    fields.kind.change(
        _switch,
        fields.kind,
        [fields.plan, fields.limit, fields.available, fields.generated, fields.incomplete],
        **QUIET,
    )
    look.click(desk.look, [token, *fields.inputs], [needs, *errors.outputs], **PRIVATE)
    seen = [*showing.outputs, *errors.outputs]
    start.click(desk.start, [token, *fields.inputs], seen, **QUIET)
    for button, act in ((stop, desk.stop), (again, desk.go_on), (delete, desk.delete)):
        button.click(act, [token, chosen], seen, **QUIET)
    compare.click(desk.compare, [token, chosen, other], seen, **QUIET)
    chosen.input(desk.choose, chosen, [state, overview, other, timer], **QUIET)
    timer.tick(desk.watch, chosen, [state, overview, other, timer], **QUIET)


def _fields(studio: Studio) -> _Asking:
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
    return _Asking(kind, plan, limit, available, generated, audio, table, incomplete, recipe, fetch)


def _switch(kind: str) -> list[dict]:
    planned = kind == PLAN
    return [
        gr.update(visible=shown) for shown in (planned, planned, planned, not planned, not planned)
    ]


class _Handlers:
    """The tab's handlers; whatever starts, stops or reads a folder asks for permission anew."""

    def __init__(
        self,
        studio: Studio,
        errors: FieldErrors,
        fields: _Asking,
        showing: _Showing,
        area: gr.Column,
        needs: gr.HTML,
    ) -> None:
        self.studio, self.desk, self.errors = studio, studio.benchmarks, errors
        self.fields, self.showing, self.area, self.needs = fields, showing, area, needs

    def enter(self, token: str, request: gr.Request) -> dict:
        try:
            person = self._permitted(token, request)
        except StudioError as error:
            return {**self.errors.show(error), self.area: gr.Column(visible=False)}
        from evaluation.benchmark import shipped_plans
        from evaluation.metrics import RECIPES

        plans = list(shipped_plans())
        return {
            **self.errors.clear(),
            self.area: gr.Column(visible=True),
            self.fields.plan: gr.Dropdown(plans, value=plans[0]),
            self.fields.recipe: gr.Dropdown([AS_PLANNED, *RECIPES], value=AS_PLANNED),
            **self._list(person, None),
        }

    def look(self, request: gr.Request, token: str, *values: Any) -> dict:
        try:
            self._permitted(token, request)
            from evaluation.benchmark import needed

            asked = _asked(values)
            assert isinstance(asked, PlanRequest | FolderRequest)
            return {**self.errors.clear(), self.needs: _needs_html(needed(plan_of(asked)))}
        except StudioError as error:
            return {**self.errors.show(error), self.needs: ""}

    def start(self, request: gr.Request, token: str, *values: Any) -> dict:
        try:
            person = self._permitted(token, request)
            asked = _asked(values)
            assert isinstance(asked, PlanRequest | FolderRequest)
            plan_of(asked)  # what is wrong with it is said now, not when its turn comes
            identity = self.desk.submit(person, asked)
        except StudioError as error:
            return self.errors.show(error)
        return {**self.errors.clear(), **self._list(person, identity)}

    def stop(self, token: str, identity: str, request: gr.Request) -> dict:
        return self._act(token, identity, request, self.desk.cancel)

    def go_on(self, token: str, identity: str, request: gr.Request) -> dict:
        return self._act(token, identity, request, self.desk.go_on)

    def delete(self, token: str, identity: str, request: gr.Request) -> dict:
        return self._act(token, identity, request, self.desk.delete)

    def _act(self, token: str, identity: str, request: gr.Request, act: Any) -> dict:
        try:
            person = self._permitted(token, request)
            act(person, identity or "")
        except StudioError as error:
            return self.errors.show(error)
        return {**self.errors.clear(), **self._list(person, identity)}

    def compare(self, token: str, first: str, second: str, request: gr.Request) -> dict:
        try:
            person = self._permitted(token, request)
            sides = [str(self.desk.report(person, one or "")) for one in (first, second)]
            named = " and ".join(self.desk.run(person, one).title for one in (first, second))
            identity = self.desk.submit(person, ComparisonRequest(sides[0], sides[1], named))
        except StudioError as error:
            return self.errors.show(error)
        return {**self.errors.clear(), **self._list(person, identity)}

    def choose(self, identity: str, request: gr.Request) -> dict:
        return self._shown(person_asking(request), identity)

    def watch(self, identity: str, request: gr.Request) -> dict:
        try:
            return self._shown(person_asking(request), identity)
        except StudioError:  # deleted in another window
            return {self.showing.timer: gr.Timer(active=False)}

    def _permitted(self, token: str, request: gr.Request) -> str:
        require_permission(self.studio.admin, token, request.request)
        return person_asking(request)

    def _list(self, person: str, identity: str | None) -> dict:
        """All runs of the person, this one (else the youngest) shown."""
        runs = self.desk.runs(person)
        ids = [run.id for run in runs]
        chosen = identity if identity in ids else (ids[0] if ids else None)
        names = [(_name(run), run.id) for run in runs]
        return {
            self.showing.chosen: gr.Dropdown(names, value=chosen),
            **self._shown(person, chosen),
        }

    def _shown(self, person: str, identity: str | None) -> dict:
        show = self.showing
        if not identity:
            return {
                show.state: "",
                show.overview: "",
                show.other: gr.Dropdown([], value=None),
                show.timer: gr.Timer(active=False),
            }
        run = self.desk.run(person, identity)
        filled = {show.state: _state_html(run), show.timer: gr.Timer(active=run.active)}
        if run.active:
            return {**filled, show.overview: ""}
        report = self.desk.report(person, identity) if run.report else None
        done = [
            (_name(one), one.id)
            for one in self.desk.runs(person)
            if one.report and one.id != run.id
        ]
        return {
            **filled,
            show.overview: _overview_html(run, report),
            show.other: gr.Dropdown(done, value=None),
        }


def _asked(values: tuple) -> BenchmarkRequest:
    """Raises: InputError for a folder or recipe that is not given."""
    kind, plan, limit, available, generated, audio, table, incomplete, recipe, fetch = values
    recipe = "" if recipe == AS_PLANNED else recipe
    if kind == PLAN:
        if not plan:
            raise InputError("plan", "(empty)", "choose one")
        return PlanRequest(
            str(plan).strip(),
            recipe,
            (table or "").strip(),
            (audio or "").strip(),
            int(limit or 0),
            bool(available),
            bool(fetch),
        )
    for name, value in (
        ("folder of music", generated),
        ("folder of real clips", audio),
        ("CSV of captions", table),
        ("recipe", recipe),
    ):
        if not (value or "").strip():
            raise InputError(name, "(empty)", "is needed to measure a folder")
    return FolderRequest(
        generated.strip(), audio.strip(), table.strip(), recipe, bool(incomplete), bool(fetch)
    )


def _name(run: BenchmarkRun) -> str:
    return f"{run.title} · {run.id[:4]}"


def _state_html(run: BenchmarkRun) -> str:
    bar = f'<progress max="1" value="{run.fraction:.3f}"></progress>' if run.active else ""
    told = "job-status" if run.state != "failed" else "field-error"
    return (
        f'<div class="card" data-state="{run.state}"><p class="card-title">'
        f'{html.escape(run.title)}</p><p class="{told}" role="status">'
        f"{html.escape(f'{run.state}: {run.text}')}</p>{bar}</div>"
    )


def _overview_html(run: BenchmarkRun, report: Path | None) -> str:
    if report is None:
        return ""
    base = f"/studio/benchmarks/{run.id}"
    links = (
        f'<p class="card-actions"><a class="quiet-button" target="_blank" '
        f'href="{base}/report/index.html">Report with charts and clips</a>'
        f'<a class="quiet-button" download href="{base}/report.zip">Download (ZIP)</a></p>'
    )
    text = (report / OVERVIEW).read_text(encoding="utf-8")
    return f'{STYLE}{links}<div class="results table-scroll">{text}</div>'


def _needs_html(found: Any) -> str:
    rows = "".join(
        f'<tr data-here="{int(one.here)}"><td>{"here" if one.here else "missing"}</td>'
        f"<td>{html.escape(one.kind)}</td><td>{html.escape(one.name)}</td>"
        f"<td>{html.escape(one.text)}</td></tr>"
        for one in found
    )
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in ("", "what", "name", "where it is, or how to get it")
    )
    return (
        f'<div class="table-scroll"><table class="models"><thead><tr>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
    )
