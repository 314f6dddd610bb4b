"""What the Benchmark tab does when something is chosen or clicked, and what it shows."""

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
from studio.tabs.element import person_asking
from studio.tabs.field_errors import FieldErrors
from studio.tabs.results import STYLE

PLAN, FOLDER = "a plan", "a folder of music"
AS_PLANNED = "as the plan says"


@dataclass(frozen=True)
class Fields:
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
class Shown:
    """What handlers fill."""

    chosen: gr.Dropdown
    other: gr.Dropdown
    state: gr.HTML
    overview: gr.HTML
    timer: gr.Timer

    @property
    def outputs(self) -> list:
        return [self.chosen, self.other, self.state, self.overview, self.timer]


class Handlers:
    """The tab's handlers; whatever starts, stops or reads a folder asks for permission anew."""

    def __init__(
        self,
        studio: Studio,
        errors: FieldErrors,
        fields: Fields,
        showing: Shown,
        area: gr.Column,
        needs: gr.HTML,
    ) -> None:
        self.studio, self.service, self.errors = studio, studio.benchmarks, errors
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
            identity = self.service.submit(person, asked)
        except StudioError as error:
            return self.errors.show(error)
        return {**self.errors.clear(), **self._list(person, identity)}

    def stop(self, token: str, identity: str, request: gr.Request) -> dict:
        return self._act(token, identity, request, self.service.cancel)

    def go_on(self, token: str, identity: str, request: gr.Request) -> dict:
        return self._act(token, identity, request, self.service.go_on)

    def delete(self, token: str, identity: str, request: gr.Request) -> dict:
        return self._act(token, identity, request, self.service.delete)

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
            sides = [str(self.service.report(person, one or "")) for one in (first, second)]
            named = " and ".join(self.service.run(person, one).title for one in (first, second))
            identity = self.service.submit(person, ComparisonRequest(sides[0], sides[1], named))
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
        runs = self.service.runs(person)
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
        run = self.service.run(person, identity)
        filled = {show.state: _state_html(run), show.timer: gr.Timer(active=run.active)}
        if run.active:
            return {**filled, show.overview: ""}
        report = self.service.report(person, identity) if run.report else None
        done = [
            (_name(one), one.id)
            for one in self.service.runs(person)
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
