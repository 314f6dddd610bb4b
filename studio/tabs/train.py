"""The Train tab: curves, last figures, time left and samples of the runs on this machine."""

from __future__ import annotations

import base64
import html
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from core import audio
from core.errors import InputError, StudioError
from core.workspace import work_folder
from studio.benchmark import require_permission
from studio.context import Studio
from studio.tabs.element import element
from studio.tabs.field_errors import FieldErrors
from studio.tabs.fine_tune import FineTuneHandlers
from studio.tabs.results import STYLE
from studio.tabs.training_chart import LOSS, curves, figure_names
from trainers.runs import folder as run_folder
from trainers.runs.folder import LogRow, Sample

WATCH_SECONDS = 5.0
SHOWN_SAMPLES = 6
SAMPLE_SECONDS = 30.0
LIVE_SECONDS = 600.0  # a validation or a sample may take as long between two rows
PRIVATE: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": 2}
QUIET = {**PRIVATE, "show_progress": "hidden"}
NOTE = (
    '<p class="tab-note">Fine-tune a model on your own music, and watch what the trainers of this '
    "machine do. It is for whoever knows the admin token; while none is set, for whoever sits "
    "at the machine of this studio.</p>"
)


@dataclass(frozen=True)
class _Parts:
    """What handlers read and fill."""

    token: gr.Textbox
    area: gr.Column
    run: gr.Dropdown
    state: gr.HTML
    figure: gr.Dropdown
    chart: gr.Plot
    step: gr.Dropdown
    samples: gr.HTML
    seen: gr.State
    timer: gr.Timer

    @property
    def shown(self) -> list:
        return [self.state, self.figure, self.chart, self.step, self.samples, self.seen]


def build(studio: Studio) -> None:
    """Lay the tab out and connect it."""
    element(NOTE)
    errors = FieldErrors("train")
    with gr.Row():
        token = gr.Textbox(
            label="Admin token",
            type="password",
            elem_id="train-token",
            max_length=256,
            placeholder="empty while none is set",
            min_width=260,
        )
        enter = gr.Button("Open", elem_id="train-open", min_width=120, scale=0)
    errors.line("form")
    with gr.Column(visible=False) as area:
        tuning = FineTuneHandlers(studio, token)
        element("<h2>Runs of this machine</h2>")
        run = gr.Dropdown([], label="Run", elem_id="train-run", filterable=False)
        state = gr.HTML(elem_id="train-state", js_on_load=None)
        figure = gr.Dropdown(
            [LOSS], value=LOSS, label="Curve", elem_id="train-figure", filterable=False
        )
        chart = gr.Plot(
            label="Curve over steps", show_label=False, visible=False, elem_id="train-chart"
        )
        step = gr.Dropdown([], label="Samples of step", elem_id="train-step", filterable=False)
        samples = gr.HTML(elem_id="train-samples", js_on_load=None)
        timer = gr.Timer(WATCH_SECONDS, active=False)
    parts = _Parts(token, area, run, state, figure, chart, step, samples, gr.State(None), timer)
    handlers = _Handlers(studio, errors, parts, tuning)
    opened = [area, run, timer, *parts.shown, *tuning.outputs, *errors.outputs]
    for event in (enter.click, token.submit):
        event(handlers.enter, token, opened, **PRIVATE)
    looked = [*parts.shown, *errors.outputs]
    run.input(handlers.choose, [token, run], looked, **QUIET)
    figure.input(handlers.draw, [token, run, figure], [chart, *errors.outputs], **QUIET)
    step.input(handlers.listen, [token, run, step], [samples, *errors.outputs], **QUIET)
    timer.tick(
        handlers.watch,
        [token, run, figure, parts.seen],
        [state, chart, step, parts.seen, timer, *errors.outputs],
        **QUIET,
    )


class _Handlers:
    """The tab's handlers; each asks for permission anew."""

    def __init__(
        self, studio: Studio, errors: FieldErrors, parts: _Parts, tuning: FineTuneHandlers
    ) -> None:
        self.studio, self.errors, self.parts, self.tuning = studio, errors, parts, tuning

    def enter(self, token: str, request: gr.Request) -> dict:
        parts = self.parts
        try:
            self._permit(token, request)
        except StudioError as error:
            return {**self.errors.show(error), parts.area: gr.Column(visible=False)}
        names = run_folder.run_names(_runs())
        first = names[0] if names else None
        return {
            parts.area: gr.Column(visible=True),
            parts.timer: gr.Timer(active=bool(names)),
            parts.run: gr.Dropdown(names, value=first),
            **self._shown(first),
            **self.tuning.opened(),
            **self.errors.clear(),
        }

    def choose(self, token: str, name: str, request: gr.Request) -> dict:
        return self._answer(token, request, lambda: self._shown(name))

    def draw(self, token: str, name: str, figure: str, request: gr.Request) -> dict:
        return self._answer(
            token,
            request,
            lambda: {self.parts.chart: curves(run_folder.read_log(_run(name)), figure)},
        )

    def listen(self, token: str, name: str, step: int, request: gr.Request) -> dict:
        return self._answer(
            token, request, lambda: {self.parts.samples: _samples_html(_run(name), step)}
        )

    def watch(self, token: str, name: str, figure: str, seen: Any, request: gr.Request) -> dict:
        def look() -> dict:
            parts, run = self.parts, _run(name)
            rows, now = run_folder.read_log(run), _seen(run)
            told = {parts.state: _state_html(run, rows)}
            if now == seen:
                return told
            return {
                **told,
                parts.chart: curves(rows, figure),
                parts.seen: now,
                parts.step: gr.Dropdown(_steps(run)),
            }

        found = self._answer(token, request, look)
        gone = self.parts.state not in found  # the run was deleted, or the token is no longer right
        return {**found, self.parts.timer: gr.Timer(active=False)} if gone else found

    def _answer(self, token: str, request: gr.Request, act: Any) -> dict:
        try:
            self._permit(token, request)
            return {**self.errors.clear(), **act()}
        except StudioError as error:
            return self.errors.show(error)

    def _permit(self, token: str, request: gr.Request) -> None:
        require_permission(self.studio.admin, token, request.request)

    def _shown(self, name: str | None) -> dict:
        parts = self.parts
        if name is None:
            empty = '<p class="card-facts">No run here yet: python -m trainers train CONFIG</p>'
            return {
                parts.state: empty,
                parts.chart: gr.Plot(None, visible=False),
                parts.samples: "",
                parts.seen: None,
                parts.step: gr.Dropdown([], value=None),
            }
        run = _run(name)
        rows, steps = run_folder.read_log(run), _steps(run)
        first = steps[0] if steps else None
        return {
            parts.state: _state_html(run, rows),
            parts.seen: _seen(run),
            parts.figure: gr.Dropdown(figure_names(rows), value=LOSS),
            parts.chart: gr.Plot(curves(rows, LOSS), visible=True),
            parts.step: gr.Dropdown(steps, value=first),
            parts.samples: _samples_html(run, first),
        }


def _runs() -> Path:
    return work_folder() / "runs"


def _run(name: str | None) -> Path:
    """Raises: InputError for anything but the name of a run that is here."""
    if name not in run_folder.run_names(_runs()):
        raise InputError("run", name or "(none)", "is no longer here; open the tab again")
    return _runs() / str(name)


def _seen(run: Path) -> list:
    """What changes when there is more to show."""
    state = (run / run_folder.LOG).stat()
    return [run.name, state.st_size, state.st_mtime, len(_steps(run))]


def _steps(run: Path) -> list[int]:
    return run_folder.sample_steps(run)


def _state_html(run: Path, rows: list[LogRow]) -> str:
    """Where the run is, and its last figures."""
    name = html.escape(run.name)
    if not rows:
        return f'<div class="card"><p class="card-title">{name}</p><p>No row yet.</p></div>'
    last, quiet = rows[-1], time.time() - (run / run_folder.LOG).stat().st_mtime
    told = f"step {last.step}, {_minutes(last.seconds)} of training"
    if last.left_seconds > 0:
        told += (
            f", {_minutes(last.left_seconds)} left"
            if quiet < LIVE_SECONDS
            else f"; stopped with {_minutes(last.left_seconds)} left"
        )
    else:
        told += ", done"
    return (
        f'{STYLE}<div class="card"><p class="card-title">{name}</p>'
        f'<p class="job-status" role="status">{html.escape(told)}; last row '
        f"{_minutes(quiet)} ago</p></div>{_figures_html(rows)}"
    )


def _figures_html(rows: list[LogRow]) -> str:
    """The last figures of training, validation and samples, side by side."""
    latest = {row.kind: row for row in rows}
    names = dict.fromkeys(name for row in latest.values() for name in row.figures)
    heads = "".join(
        f'<th scope="col" class="figure">{kind}<br>step {row.step}</th>'
        for kind, row in latest.items()
    )
    body = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th>'
        + "".join(
            f"<td>{row.figures[name]:.4g}</td>" if name in row.figures else "<td>–</td>"
            for row in latest.values()
        )
        + "</tr>"
        for name in names
    )
    return (
        f'<div class="results table-scroll"><table><thead><tr><th scope="col">figure</th>'
        f"{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def _samples_html(run: Path, step: int | None) -> str:
    """Players that carry their sound, so that none of it lies at an address of its own."""
    if step not in _steps(run):
        return '<p class="card-facts">No samples yet.</p>'
    return "".join(_player(one) for one in run_folder.samples_at(run, int(step))[:SHOWN_SAMPLES])


def _player(sample: Sample) -> str:
    sound = audio.read(sample.file)
    samples = sound.samples[:, : round(SAMPLE_SECONDS * sound.sample_rate)]
    with tempfile.TemporaryDirectory(prefix="studio-sample-") as folder:
        made = audio.write(Path(folder) / "sample.mp3", samples, sound.sample_rate)
        data = base64.b64encode(made.read_bytes()).decode()
    name = html.escape(sample.file.stem, quote=True)
    return (
        f'<figure class="train-sample"><figcaption>{name}<br>{html.escape(sample.text)}'
        f'</figcaption><audio controls preload="metadata" aria-label="{name}" '
        f'src="data:audio/mpeg;base64,{data}"></audio></figure>'
    )
