"""The part of the Train tab that teaches a model somebody's music: drop, look, caption, train."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from core import variants
from core.errors import InputError, StudioError
from studio.benchmark import require_permission
from studio.context import Studio
from studio.tabs.element import element, person_asking
from studio.tabs.field_errors import FieldErrors
from studio.tabs.fine_tune_shown import found_html, outcome_html, state_html
from studio.tabs.training_chart import LOSS, curves

WATCH_SECONDS = 2.0
MINUTES, STEPS = "minutes", "steps"
BAR = " | "  # between a file and its caption
# One after the other: leaving the field of the name for a button calls two handlers at once, and
# what the later one says has to be what stays.
QUIET: dict[str, Any] = {
    "api_visibility": "private",
    "concurrency_id": "fine-tune",
    "concurrency_limit": 1,
    "show_progress": "hidden",
}
NOTE = (
    "<h2>Train a model on your music</h2>"
    '<p class="tab-note">Drop music, see what was found in it, correct the captions, and train. It '
    "runs beside the music that people make, at the lowest priority, and may be stopped and "
    "resumed.</p>"
)


@dataclass(frozen=True)
class _Parts:
    """What handlers read and fill."""

    name: gr.Dropdown
    found: gr.HTML
    captions: gr.Textbox
    choices: gr.Column
    save: gr.Button
    start: gr.Button
    stop: gr.Button
    state: gr.HTML
    chart: gr.Plot
    outcome: gr.HTML
    seen: gr.State
    timer: gr.Timer

    @property
    def shown(self) -> list:
        return [
            self.found,
            self.captions,
            self.choices,
            self.save,
            self.start,
            self.stop,
            self.state,
            self.chart,
            self.outcome,
            self.seen,
            self.timer,
        ]


class FineTuneHandlers:
    """Laid out where it is made; `opened` fills it once somebody may use it."""

    def __init__(self, studio: Studio, token: gr.Textbox) -> None:
        self.studio = studio
        element(NOTE)
        self.errors = FieldErrors("tune")
        name = gr.Dropdown(
            [],
            label="Name of the new model",
            info="a new name, or one that was begun here",
            allow_custom_value=True,
            elem_id="tune-name",
        )
        self.errors.line("name", "name")
        with gr.Row():
            dropped = gr.File(
                label="Folder of music", file_count="directory", elem_id="tune-files", height=140
            )
            archive = gr.File(label="or a ZIP", file_types=[".zip"], elem_id="tune-zip", height=140)
        folder = gr.Textbox(
            label="or a folder on the studio's machine", max_lines=1, elem_id="tune-folder"
        )
        self.errors.line("music", "music", "ZIP", "folder", "audio")
        look = gr.Button("See what is in it", elem_id="tune-look")
        found = gr.HTML(elem_id="tune-found", js_on_load=None)
        captions = gr.Textbox(
            label="Captions",
            info=f"one file a line: FILE{BAR}CAPTION",
            lines=6,
            max_lines=20,
            visible=False,
            elem_id="tune-captions",
        )
        self.errors.line("captions", "captions")
        with gr.Column(visible=False) as choices:
            save = gr.Button("Save captions", elem_id="tune-save")
            self.base, bound, amount, rank = _choices()
            self.errors.line("minutes", "minutes", "steps", "variant", "test pieces")
            with gr.Row():
                start = gr.Button("Train", variant="primary", elem_id="tune-start", min_width=120)
                stop = gr.Button("Stop", elem_id="tune-stop", min_width=120)
        self.errors.line("form")
        state = gr.HTML(elem_id="tune-state", js_on_load=None)
        chart = gr.Plot(label="Loss", show_label=False, visible=False, elem_id="tune-chart")
        outcome = gr.HTML(elem_id="tune-outcome", js_on_load=None)
        timer = gr.Timer(WATCH_SECONDS, active=False)
        seen = gr.State(None)
        self.parts = _Parts(
            name, found, captions, choices, save, start, stop, state, chart, outcome, seen, timer
        )
        outputs = [*self.parts.shown, *self.errors.outputs]
        look.click(self.look, [token, name, dropped, archive, folder], outputs, **QUIET)
        save.click(self.save, [token, name, captions], outputs, **QUIET)
        start.click(self.train, [token, name, self.base, bound, amount, rank], outputs, **QUIET)
        stop.click(self.stop, [token, name], outputs, **QUIET)
        name.change(self.choose, [token, name, seen], outputs, **QUIET)
        timer.tick(self.watch, [token, name, seen], outputs, **QUIET)

    @property
    def outputs(self) -> list:
        """What `opened` fills."""
        return [self.parts.name, self.base]

    def opened(self) -> dict:
        """Updates once somebody may look."""
        bases = [name for name, each in variants.known().items() if variants.installed(each)]
        first = self.studio.settings.first_variant
        return {
            self.parts.name: gr.Dropdown(self._tunes.names(), value=None),
            self.base: gr.Dropdown(bases, value=first if first in bases else None),
        }

    def look(
        self,
        token: str,
        name: str,
        dropped: list[str] | None,
        archive: str | None,
        folder: str,
        request: gr.Request,
    ) -> dict:
        files = [Path(path) for path in [*(dropped or []), *([archive] if archive else [])]]
        return self._act(
            token, request, name, lambda who: self._tunes.take(who, name, files, folder or "")
        )

    def save(self, token: str, name: str, captions: str, request: gr.Request) -> dict:
        return self._act(
            token, request, name, lambda who: self._tunes.caption(who, name, _lines(captions))
        )

    def train(
        self,
        token: str,
        name: str,
        base: str,
        bound: str,
        amount: float,
        rank: float,
        request: gr.Request,
    ) -> dict:
        def start(who: str) -> None:
            if amount is None or amount <= 0 or (bound == STEPS and amount != int(amount)):
                raise InputError(
                    bound, amount if amount is not None else "(empty)", "give 1 or more"
                )
            count: dict[str, Any] = {bound: int(amount) if bound == STEPS else float(amount)}
            choices = {"variant": self.studio.variant(base).name, "lora": int(rank or 0)}
            self._tunes.train(who, name, **choices, **count)

        return self._act(token, request, name, start)

    def stop(self, token: str, name: str, request: gr.Request) -> dict:
        return self._act(token, request, name, lambda who: self._tunes.stop(name))

    def choose(self, token: str, name: str | None, seen: Any, request: gr.Request) -> dict:
        if name and isinstance(seen, list) and seen[:1] == [name]:
            return self.watch(token, name, seen, request)  # a button's error stays
        return self._act(token, request, name or "", lambda who: None)

    def watch(self, token: str, name: str, seen: Any, request: gr.Request) -> dict:
        try:
            require_permission(self.studio.admin, token, request.request)
            return self._shown(name, seen)
        except StudioError as error:
            return {**self.errors.show(error), self.parts.timer: gr.Timer(active=False)}

    @property
    def _tunes(self) -> Any:
        return self.studio.fine_tunes

    def _act(self, token: str, request: gr.Request, name: str, act: Callable[[str], None]) -> dict:
        """What the act changes is shown, or its error."""
        try:
            require_permission(self.studio.admin, token, request.request)
            act(person_asking(request))
            return {**self.errors.clear(), **self._shown(name, None)}
        except StudioError as error:
            return {**self.errors.show(error), self.parts.seen: [name, None, None, None]}

    def _shown(self, name: str, seen: Any) -> dict:
        """Updates for what has changed since `seen`; typed captions stay until pieces change."""
        parts = self.parts
        if not name:
            return {parts.timer: gr.Timer(active=False), parts.choices: gr.Column(visible=False)}
        state = self._tunes.state(name)
        rows = state.training.rows if state.training else []
        pieces = hash((state.pieces, state.left_out))
        outcome = outcome_html(self.studio, state)
        now = [name, pieces, len(rows), outcome]
        before = seen if isinstance(seen, list) and seen[:1] == [name] else [name, None, None, None]
        update = {
            parts.state: state_html(state),
            parts.seen: now,
            parts.timer: gr.Timer(active=state.busy),
            parts.choices: gr.Column(visible=bool(state.pieces) or state.busy),
            parts.save: gr.Button(interactive=not state.busy),
            parts.start: gr.Button(interactive=not state.busy),
            parts.stop: gr.Button(interactive=state.busy),
        }
        if pieces != before[1]:
            lines = "\n".join(f"{p.file}{BAR}{p.caption}" for p in state.pieces)
            update[parts.found] = found_html(state)
            update[parts.captions] = gr.Textbox(lines, visible=bool(state.pieces))
        if len(rows) != before[2]:
            drawn = curves(rows, LOSS) if rows else None
            update[parts.chart] = gr.Plot(drawn, visible=bool(rows))
        if outcome != before[3]:
            update[parts.outcome] = outcome
        return update


def _choices() -> tuple[gr.Dropdown, gr.Radio, gr.Number, gr.Number]:
    with gr.Row():
        base = gr.Dropdown(
            [], label="Model to begin from", elem_id="tune-base", filterable=False, min_width=200
        )
        bound = gr.Radio(
            [MINUTES, STEPS],
            value=MINUTES,
            label="For so many",
            elem_id="tune-bound",
            min_width=160,
        )
        amount = gr.Number(20, label="How many", elem_id="tune-amount", min_width=120)
        rank = gr.Number(
            0,
            label="LoRA rank (0: all weights)",
            precision=0,
            minimum=0,
            maximum=256,
            elem_id="tune-rank",
            min_width=160,
        )
    return base, bound, amount, rank


def _lines(text: str) -> list[tuple[str, str]]:
    """The captions as they stand in the field."""
    found = []
    for line in (text or "").splitlines():
        if line.strip():
            file, bar, caption = line.partition(BAR.strip())
            if not bar:
                raise InputError("captions", line[:60], f"write FILE{BAR}CAPTION")
            found.append((file.strip(), caption.strip()))
    return found
