"""The Results tab: public results for everybody, all others for whoever knows the admin token.

Every handler of the private part checks the token anew; without it nothing is answered, no
study's name either.
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import gradio as gr
import plotly.graph_objects as go

from core.errors import InputError, StudioError
from evaluation.listening import (
    ITEMS,
    RATERS,
    RatingService,
    Spread,
    StudyProgress,
    persistence_warning,
    power_table,
    progress,
    raters_needed,
    report_tables,
    results,
    screening_table,
)
from evaluation.report import table_html
from studio.context import Studio
from studio.rating import result_charts
from studio.tabs import study_maker
from studio.tabs.element import element
from studio.tabs.field_errors import FieldErrors
from studio.tabs.public_results import public_html

ALL, SCREENED = "all raters", "screened raters"
PROGRESS_SECONDS = 5.0
PRIVATE: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": 2}
STYLE = """<style>
.results section { margin: 0 0 1.2rem; } .results h2 { font-size: 1.1rem; margin: 0 0 .4rem; }
.results .wide { overflow-x: auto; max-width: 100%; }
.results table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 0; }
.results table :is(th, td) { padding: .25rem .45rem !important; font-size: .92rem; height: auto;
  text-align: left; max-width: 14rem; overflow-wrap: break-word;
  border: 0; border-bottom: 1px solid var(--border-color-primary); line-height: 1.3; }
.results table :is(td, th.figure) { text-align: right; }
.results td { white-space: nowrap; } .results td:last-child { white-space: normal; }
.results small { font-size: .9rem; }
.results details { margin: .3rem 0; } .results summary { cursor: pointer; min-height: 2.75rem;
  display: list-item; padding: .6rem 0; font-weight: 600; }
.results .note { color: var(--body-text-color-subdued); font-size: .95rem; margin: .3rem 0; }
</style>"""
DOWNLOAD = """async (token, study) => {
  const answer = await fetch(`/rate/results/${encodeURIComponent(study || "-")}`,
    { headers: { "X-Admin-Token": token } });
  if (!answer.ok) return alert((await answer.json()).error);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `${study}-results.zip`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}"""


@dataclass(frozen=True)
class _Parts:
    """What handlers fill."""

    token: gr.Textbox
    study: gr.Dropdown
    raters: gr.Radio
    area: gr.Column
    progress: gr.HTML
    tables: gr.HTML
    forest: gr.Plot
    distributions: gr.Plot
    rater_map: gr.Plot
    timer: gr.Timer
    power: gr.HTML

    @property
    def shown(self) -> list[Any]:
        return [self.tables, self.forest, self.distributions, self.rater_map, self.progress]


def build(studio: Studio) -> None:
    """Lay the tab out and connect it."""
    gr.HTML(lambda: STYLE + public_html(studio), elem_id="results-public", js_on_load=None)
    element(
        '<h2>Your studies</h2><p class="tab-note">For whoever runs them: the admin token is what '
        "STUDIO_ADMIN_TOKEN says where the studio was started.</p>"
    )
    errors = FieldErrors("results")
    with gr.Row():
        token = gr.Textbox(
            label="Admin token", type="password", elem_id="results-token", max_length=256
        )
        look = gr.Button("Open", elem_id="results-open", min_width=120, scale=0)
    errors.line("form")
    with gr.Column(visible=False) as area:
        with gr.Row():
            study = gr.Dropdown([], label="Study", elem_id="results-study")
            raters = gr.Radio([ALL, SCREENED], value=ALL, label="Raters", elem_id="results-raters")
        live = gr.HTML(elem_id="results-progress", js_on_load=None)
        with gr.Row():
            again = gr.Button("Compute again", elem_id="results-again")
            download = gr.Button("Download CSV", elem_id="results-download")
        tables = gr.HTML(elem_id="results-tables", js_on_load=None)
        plots = [
            gr.Plot(label=label, elem_id=f"results-{name}")
            for name, label in (
                ("forest", "Means with 95 % intervals"),
                ("distributions", "Scores given, in %"),
                ("map", "Rater × system, mean score"),
            )
        ]
        study_maker.build(
            studio, token, lambda given, request: studio.admin.check(given, _address(request))
        )
        numbers, plan, power = _power_fields()
        timer = gr.Timer(PROGRESS_SECONDS, active=False)
    forest, shares, rater_map = plots
    parts = _Parts(
        token, study, raters, area, live, tables, forest, shares, rater_map, timer, power
    )
    _connect(studio, errors, parts, [look, again, download])
    _connect_power(studio, errors, parts, numbers, plan)


def _power_fields() -> tuple[list[gr.Number], gr.Button, gr.HTML]:
    with gr.Accordion("Power: how many raters and items?", open=False):
        usual = Spread()
        with gr.Row():
            numbers = [
                gr.Number(value, label=label, min_width=140)
                for label, value in (
                    ("Difference to find", 0.2),
                    ("SD rater × system", usual.rater_system),
                    ("SD item × system", usual.item_system),
                    ("SD of a rating", usual.noise),
                )
            ]
        plan = gr.Button("Compute", elem_id="results-plan")
        return numbers, plan, gr.HTML(elem_id="results-power", js_on_load=None)


def _connect(studio: Studio, errors: FieldErrors, parts: _Parts, buttons: list) -> None:
    look, again, download = buttons

    def enter(token: str, request: gr.Request) -> dict:
        try:
            studio.admin.check(token, _address(request))
        except StudioError as error:
            return {
                **errors.show(error),
                parts.area: gr.Column(visible=False),
                parts.timer: gr.Timer(active=False),
            }
        names = studio.studies.names()
        return {
            **errors.clear(),
            parts.area: gr.Column(visible=True),
            parts.timer: gr.Timer(active=True),
            parts.study: gr.Dropdown(names, value=names[0] if names else None),
        }

    def compute(token: str, name: str, raters: str, request: gr.Request) -> dict:
        try:
            studio.admin.check(token, _address(request))
            return {
                **errors.clear(),
                parts.timer: gr.Timer(active=True),
                **_filled(parts, studio.studies.researchers_service(name), raters == SCREENED),
            }
        except StudioError as error:
            return errors.show(error)

    def tick(token: str, name: str, request: gr.Request) -> dict:
        try:
            studio.admin.check(token, _address(request))
            return {parts.progress: _progress_html(studio.studies.researchers_service(name))}
        except StudioError:  # until somebody opens or computes again
            return {parts.timer: gr.Timer(active=False)}

    asked = [parts.token, parts.study, parts.raters]
    outputs = [*parts.shown, parts.timer, *errors.outputs]
    entered = [parts.area, parts.timer, parts.study, *errors.outputs]
    for event in (look.click, parts.token.submit):
        event(enter, parts.token, entered, **PRIVATE)
    for event in (parts.study.change, parts.raters.change, again.click):
        event(compute, asked, outputs, **PRIVATE)
    parts.timer.tick(
        tick, asked[:2], [parts.progress, parts.timer], show_progress="hidden", **PRIVATE
    )
    download.click(None, asked[:2], None, js=DOWNLOAD)


def _connect_power(
    studio: Studio, errors: FieldErrors, parts: _Parts, numbers: list, plan: gr.Button
) -> None:
    def compute(
        token: str, difference: float, rater: float, item: float, noise: float, request: gr.Request
    ) -> dict:
        try:
            studio.admin.check(token, _address(request))
            return {**errors.clear(), parts.power: _power_html(difference, rater, item, noise)}
        except StudioError as error:
            return errors.show(error)

    plan.click(compute, [parts.token, *numbers], [parts.power, *errors.outputs], **PRIVATE)


def _address(request: gr.Request) -> str:
    client = request.request.client if request.request else None
    return client.host if client else ""


def _filled(parts: _Parts, service: RatingService, screened: bool) -> dict:
    study, found = service.study, results(service.study, service.store)
    table = found.screened if screened else found.everyone
    tables = [*report_tables(study, found, screened), screening_table(found)]
    charts: list[go.Figure | None] = [
        chart(study, table) if table.n_answers else None
        for chart in (result_charts.forest, result_charts.distributions, result_charts.rater_map)
    ]
    shown = STYLE + f'<div class="results">{"".join(table_html(one) for one in tables)}</div>'
    return dict(zip(parts.shown, [shown, *charts, _progress_html(service)]))


def _progress_html(service: RatingService) -> str:
    study, store = service.study, service.store
    now: StudyProgress = progress(study, store.raters(study.name), store.answers(study.name))
    warning = persistence_warning(str(store.url.render_as_string(hide_password=True)))
    told = f'<p class="field-error" role="alert">{html.escape(warning)}</p>' if warning else ""
    return told + (
        f'<p class="card-facts">{html.escape(study.title)}: {now.raters} raters, {now.finished} '
        f"finished, {now.withdrawn} withdrawn, {now.answers} answers; every (system, item) has "
        f"{now.fewest} to {now.most}. Raters open <code>/rate?study={html.escape(study.name)}"
        "</code></p>"
    )


def _power_html(difference: float, rater: float, item: float, noise: float) -> str:
    given = (difference, rater, item, noise)
    if any(value is None or not 0 <= value < 100 for value in given):
        raise InputError("power", given, "give numbers of 0 or more")
    spread = Spread(rater, item, noise)
    cells = {(p.raters, p.items): p for p in power_table(difference, spread)}
    needed = [raters_needed(items, difference, spread) for items in ITEMS]
    rows = [
        (
            f"{raters} raters",
            *(
                f"{100 * cells[raters, items].power:.0f} % (± {cells[raters, items].half:.2f})"
                for items in ITEMS
            ),
        )
        for raters in RATERS
    ]
    rows.append(("raters for 80 %", *(str(n or "over 1000") for n in needed)))
    body = "".join(
        f'<tr><th scope="row">{label}</th>' + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>"
        for label, *row in rows
    )
    head = "".join(f'<th scope="col" class="figure">{items} items</th>' for items in ITEMS)
    return (
        f'{STYLE}<div class="results"><p class="note">Chance that the 95 % interval of the '
        f'paired difference leaves out 0, and its half width.</p><div class="wide"><table>'
        f"<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div></div>"
    )
