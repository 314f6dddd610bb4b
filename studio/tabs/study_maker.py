"""Make a study and run it, for whoever knows the admin token: preview, open, pause, close, links,
payment. Every handler checks the token anew."""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr

from core.errors import StudioError
from evaluation.listening import (
    CLOSED,
    OPEN,
    PAUSED,
    RatingService,
    Study,
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
from studio.rating.making import StudyMaker
from studio.tabs import study_form
from studio.tabs.field_errors import FieldErrors

PRIVATE: dict[str, Any] = {"api_visibility": "private", "concurrency_limit": 2}
Check = Callable[[str, gr.Request], None]


def build(studio: Studio, token: gr.Textbox, check: Check) -> None:
    """Lay the accordions out. `check(token, request)` raises for a wrong token."""
    maker = StudyMaker(studio.studies)
    with gr.Accordion("Make a study", open=False, elem_id="study-make"):
        study_form.build(maker, token, check)
    with gr.Accordion("Run a study", open=False, elem_id="study-run"):
        _run(studio, token, check)


@dataclass(frozen=True)
class _Desk:
    """What the part that runs a study holds."""

    name: gr.Textbox
    show: gr.Button
    state: gr.Radio
    count: gr.Number
    batch: gr.Textbox
    add: gr.Button
    close: gr.Button
    person: gr.Textbox
    out: gr.Button
    pay: gr.Button
    told: gr.Textbox
    about: gr.HTML


def _lay_out(errors: FieldErrors) -> _Desk:
    with gr.Row():
        name = gr.Textbox("", label="Study", elem_id="run-name")
        show = gr.Button("Show", elem_id="run-show", min_width=100, scale=0)
    state = gr.Radio(
        [OPEN, PAUSED, CLOSED],
        label="State: open lets raters join, paused lets them finish, closed takes no answers",
        elem_id="run-state",
    )
    with gr.Row():
        count = gr.Number(
            10, precision=0, label="Links for one rater each", elem_id="run-count", min_width=120
        )
        batch = gr.Textbox("links", label="Name of these links", elem_id="run-batch", min_width=120)
        add = gr.Button("Make links", elem_id="run-invite", min_width=120)
        close = gr.Button("Revoke unused links", elem_id="run-revoke", min_width=120)
    with gr.Row():
        person = gr.Textbox("", label="Rater or participant id")
        out = gr.Button("Remove this rater", elem_id="run-remove", min_width=120)
        pay = gr.Button("Who is to be paid", elem_id="run-payment", min_width=120)
    errors.line("form")
    told = gr.Textbox("", lines=4, label="Links and lists", interactive=False, elem_id="run-told")
    about = gr.HTML(elem_id="run-about", js_on_load=None)
    return _Desk(name, show, state, count, batch, add, close, person, out, pay, told, about)


def _run(studio: Studio, token: gr.Textbox, check: Check) -> None:
    errors = FieldErrors("run")
    desk = _lay_out(errors)

    def handler(act: Callable[..., Any], *filled: Any) -> Callable[..., dict[Any, Any]]:
        """Fills `filled` with what `act(service, request, ...)` gives, once the token is right."""

        def answer(request: gr.Request, token: str, name: str, *given: Any) -> dict[Any, Any]:
            try:
                check(token, request)
                found = act(studio.studies.researchers_service(name.strip()), request, *given)
            except StudioError as error:
                return errors.show(error)
            values = found if len(filled) > 1 else (found,)
            return {**errors.clear(), **dict(zip(filled, values))}

        return answer

    asked = [token, desk.name]
    shown = [desk.state, desk.about, desk.told, *errors.outputs]
    for event in (desk.show.click, desk.name.submit):
        event(handler(_shown, desk.state, desk.about), asked, shown, **PRIVATE)
    desk.state.input(handler(_set_state, desk.about), [*asked, desk.state], shown, **PRIVATE)
    for event, act, more in (
        (desk.add.click, _invited, [desk.count, desk.batch]),
        (desk.close.click, _revoked, [desk.batch]),
        (desk.out.click, _removed, [desk.person]),
        (desk.pay.click, _payment, []),
    ):
        event(handler(act, desk.told), [*asked, *more], shown, **PRIVATE)


def _shown(found: RatingService, request: gr.Request) -> tuple[str, str]:
    return state_of(found.store.engine, found.study.name), _preview(found, request)


def _set_state(found: RatingService, request: gr.Request, wanted: str) -> str:
    if wanted:
        set_state(found.store.engine, found.study.name, wanted)
    return _preview(found, request)


def _invited(found: RatingService, request: gr.Request, count: float, batch: str) -> str:
    tokens = invite(found.store.engine, found.study.name, int(count or 0), batch)
    link = _link(found, request)
    return "\n".join(f"{link}#{token}" for token in tokens)


def _revoked(found: RatingService, _request: gr.Request, batch: str) -> str:
    closed = revoke(found.store.engine, found.study.name, batch)
    return f"{closed} links of {batch} no longer open"


def _removed(found: RatingService, _request: gr.Request, who: str) -> str:
    removed = remove(found.store.engine, found.study.name, who.strip())
    return f"removed {', '.join(removed)}; the answers stay in the export, marked"


def _payment(found: RatingService, _request: gr.Request) -> str:
    return payment_csv(found.study, found.store)


def _link(found: RatingService, request: gr.Request) -> str:
    """The study's address as this browser reaches the studio."""
    base = str(request.request.base_url).rstrip("/") if request.request else ""
    return f"{base}/rate?study={found.study.name}"


def _other(found: RatingService, trial: Trial) -> str:
    name = trial.other or found.study.baseline or ""
    return found.study.label(name) if trial.second and trial.system else ""


def _systems(study: Study, trial: Trial) -> str:
    """The system heard, or all of a MUSHRA screen in the order of their sliders."""
    return ", ".join(study.label(name) for name in trial.conditions or (trial.system,))


def _preview(found: RatingService, request: gr.Request) -> str:
    """Link, and what the first rater would hear."""
    study = found.study
    trials = plan_trials(study, found.prepared, {}, 1)
    rows = "".join(
        f"<tr><td>{position}</td><td>{html.escape(trial.kind)}</td>"
        f"<td>{html.escape(_systems(study, trial))}</td>"
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
