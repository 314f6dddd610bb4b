"""Make a study and run it, for whoever knows the admin token: form, file, check, prepare,
preview, open, pause, close, links, payment. Every handler checks the token anew."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import gradio as gr

from core.errors import InputError, StudioError
from evaluation.listening import (
    CLOSED,
    METHOD_NAMES,
    OPEN,
    PAUSED,
    RatingService,
    Trial,
    invite,
    payment_csv,
    plan_trials,
    remove,
    revoke,
    set_state,
    state_of,
)
from studio.context import Studio
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


def build(studio: Studio, token: gr.Textbox, check: Check) -> None:
    """Lay the accordions out. `check(token, request)` raises for a wrong token."""
    maker = StudyMaker(studio.studies)
    with gr.Accordion("Make a study", open=False, elem_id="study-make"):
        _form(studio, maker, token, check)
    with gr.Accordion("Run a study", open=False, elem_id="study-run"):
        _run(studio, token, check)


def _form(studio: Studio, maker: StudyMaker, token: gr.Textbox, check: Check) -> None:
    errors = FieldErrors("study")
    with gr.Row():
        name = gr.Textbox("my-study", label="Name (of link and files)", elem_id="study-name")
        title = gr.Textbox("", label="Title that raters read", elem_id="study-title")
    with gr.Row():
        methods = [(label, method) for method, label in METHOD_NAMES.items()]
        method = gr.Radio(methods, value="MOS", label="Method", elem_id="study-method")
        baseline = gr.Textbox("", label="Baseline of pairs (empty: all pairs)")
    systems = gr.Textbox(
        SYSTEMS,
        lines=3,
        label="Systems: NAME: variant|folder|run WHAT, one a line",
        elem_id="study-systems",
    )
    prompts = gr.Textbox(PROMPTS, lines=4, label="Prompts, one a line", elem_id="study-prompts")
    with gr.Row():
        seconds = gr.Number(10, label="Seconds of a clip", elem_id="study-seconds", min_width=120)
        trials = gr.Number(
            6, precision=0, label="Trials a rater", elem_id="study-trials", min_width=120
        )
        attention = gr.Number(
            1, precision=0, label="Attention checks", elem_id="study-attention", min_width=120
        )
        controls = gr.Number(0, precision=0, label="Anchors or identical pairs", min_width=120)
    with gr.Row():
        public = gr.Checkbox(False, label="Results are public", elem_id="study-public")
        platform = gr.Radio(RECRUITMENT, value="", label="Who may join", elem_id="study-platform")
    with gr.Row():
        codes = [
            gr.Textbox("", label=f"Code: {label}", elem_id=f"study-{label.replace(' ', '-')}")
            for label in ("completed", "screened out", "withdrawn")
        ]
    consent = gr.Textbox("", lines=2, label="Consent text (empty: the usual one)")
    fields = [name, title, method, systems, prompts, baseline, seconds, trials, attention]
    fields += [controls, public, platform, *codes, consent]
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
    made = gr.State("")
    timer = gr.Timer(POLL_SECONDS, active=False)

    def answering(act: Callable[[], dict[Any, Any]]) -> dict[Any, Any]:
        try:
            return {**errors.clear(), **act()}
        except StudioError as error:
            return errors.show(error)

    def on_write(request: gr.Request, token: str, *values: Any) -> dict[Any, Any]:
        def act() -> dict[Any, Any]:
            check(token, request)
            return {file: draft(_filled(list(values)))}

        return answering(act)

    def on_check(token: str, text: str, request: gr.Request) -> dict[Any, Any]:
        def act() -> dict[Any, Any]:
            check(token, request)
            return {said: maker.check(text)}

        return answering(act)

    def on_make(token: str, text: str, request: gr.Request) -> dict[Any, Any]:
        def act() -> dict[Any, Any]:
            check(token, request)
            return {made: maker.make(text), said: "waiting", timer: gr.Timer(active=True)}

        return answering(act)

    def on_tick(token: str, name: str, request: gr.Request) -> dict[Any, Any]:
        try:
            check(token, request)
        except StudioError:
            return {timer: gr.Timer(active=False)}
        state = maker.status(name)
        is_done = state.startswith(("ready", "failed"))
        return {said: state, timer: gr.Timer(active=not is_done)}

    outputs = errors.outputs
    write.click(on_write, [token, *fields], [file, *outputs], **PRIVATE)
    look.click(on_check, [token, file], [said, *outputs], **PRIVATE)
    make.click(on_make, [token, file], [made, said, timer, *outputs], **PRIVATE)
    timer.tick(on_tick, [token, made], [said, timer], show_progress="hidden", **PRIVATE)


def _filled(values: list[Any]) -> StudyForm:
    name, title, method, systems, prompts, baseline, seconds, trials, attention = values[:9]
    controls, public, platform, completed, screened_out, withdrawn, consent = values[9:]
    numbers = (seconds, trials, attention, controls)
    if any(number is None for number in numbers):
        raise InputError("numbers", "", "fill every number of the form")
    codes = {"completed": completed, "screened_out": screened_out, "withdrawn": withdrawn}
    return StudyForm(
        name,
        title,
        method,
        systems,
        prompts,
        baseline,
        seconds,
        trials,
        attention,
        controls,
        public,
        platform,
        codes,
        consent,
    )


def _run(studio: Studio, token: gr.Textbox, check: Check) -> None:
    errors = FieldErrors("run")
    with gr.Row():
        name = gr.Textbox("", label="Study", elem_id="run-name")
        show = gr.Button("Show", elem_id="run-show", min_width=100, scale=0)
    state = gr.Radio(
        [OPEN, PAUSED, CLOSED],
        label="State: open lets raters join, paused lets them finish, closed takes no answers",
        elem_id="run-state",
    )
    with gr.Row():
        count = gr.Number(10, precision=0, label="Links for one rater each", min_width=120)
        batch = gr.Textbox("links", label="Name of these links", min_width=120)
        add = gr.Button("Make links", elem_id="run-invite", min_width=120)
        close = gr.Button("Revoke unused links", elem_id="run-revoke", min_width=120)
    with gr.Row():
        person = gr.Textbox("", label="Rater or participant id")
        out = gr.Button("Remove this rater", elem_id="run-remove", min_width=120)
        pay = gr.Button("Who is to be paid", elem_id="run-payment", min_width=120)
    errors.line("form")
    told = gr.Textbox("", lines=4, label="Links and lists", interactive=False, elem_id="run-told")
    about = gr.HTML(elem_id="run-about", js_on_load=None)

    def service(token: str, name: str, request: gr.Request) -> RatingService:
        check(token, request)
        return studio.studies.researchers_service(name.strip())

    def handler(act: Callable[..., dict[Any, Any]]) -> Callable[..., dict[Any, Any]]:
        def answer(request: gr.Request, token: str, name: str, *given: Any) -> dict[Any, Any]:
            try:
                return {**errors.clear(), **act(service(token, name, request), request, *given)}
            except StudioError as error:
                return errors.show(error)

        return answer

    def on_show(found: RatingService, request: gr.Request) -> dict[Any, Any]:
        now = state_of(found.store.engine, found.study.name)
        return {state: now, about: _preview(found, request)}

    def on_state(found: RatingService, request: gr.Request, wanted: str) -> dict[Any, Any]:
        if wanted:
            set_state(found.store.engine, found.study.name, wanted)
        return {about: _preview(found, request)}

    def on_invite(
        found: RatingService, request: gr.Request, count: float, batch: str
    ) -> dict[Any, Any]:
        tokens = invite(found.store.engine, found.study.name, int(count or 0), batch)
        link = _link(found, request)
        return {told: "\n".join(f"{link}#{token}" for token in tokens)}

    def on_revoke(found: RatingService, request: gr.Request, batch: str) -> dict[Any, Any]:
        closed = revoke(found.store.engine, found.study.name, batch)
        return {told: f"{closed} links of {batch} no longer open"}

    def on_remove(found: RatingService, request: gr.Request, who: str) -> dict[Any, Any]:
        removed = remove(found.store.engine, found.study.name, who.strip())
        return {told: f"removed {', '.join(removed)}; the answers stay in the export, marked"}

    def on_pay(found: RatingService, request: gr.Request) -> dict[Any, Any]:
        return {told: payment_csv(found.study, found.store)}

    asked = [token, name]
    shown = [state, about, told, *errors.outputs]
    for event in (show.click, name.submit):
        event(handler(on_show), asked, shown, **PRIVATE)
    state.input(handler(on_state), [*asked, state], shown, **PRIVATE)
    add.click(handler(on_invite), [*asked, count, batch], shown, **PRIVATE)
    close.click(handler(on_revoke), [*asked, batch], shown, **PRIVATE)
    out.click(handler(on_remove), [*asked, person], shown, **PRIVATE)
    pay.click(handler(on_pay), asked, shown, **PRIVATE)


def _link(found: RatingService, request: gr.Request) -> str:
    """The study's address as this browser reaches the studio."""
    base = str(request.request.base_url).rstrip("/") if request.request else ""
    return f"{base}/rate?study={found.study.name}"


def _other(found: RatingService, trial: Trial) -> str:
    name = trial.other or found.study.baseline or ""
    return found.study.label(name) if trial.second and trial.system else ""


def _preview(found: RatingService, request: gr.Request) -> str:
    """Link, and what the first rater would hear."""
    study = found.study
    trials = plan_trials(study, found.prepared, {}, 1)
    rows = "".join(
        f"<tr><td>{position}</td><td>{html.escape(trial.kind)}</td>"
        f"<td>{html.escape(study.label(trial.system))}</td>"
        f"<td>{html.escape(_other(found, trial))}</td>"
        f"<td>{html.escape(trial.item)}</td></tr>"
        for position, trial in enumerate(trials, 1)
    )
    link = html.escape(_link(found, request))
    return (
        f'<p>Raters open <a href="{link}" target="_blank">{link}</a></p><div class="table-scroll">'
        "<table><thead><tr><th>trial</th><th>kind</th><th>system</th><th>other</th><th>item</th>"
        f"</tr></thead><tbody>{rows}</tbody></table></div>"
    )
