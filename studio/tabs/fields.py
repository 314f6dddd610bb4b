"""The request's declared fields as a form: one labelled control each, with its help and error."""

from __future__ import annotations

from html import escape

from core.requests.fields import RequestField
from core.requests.request import FIELDS

FORM = "create"
SHOWN_ELSEWHERE = ("prompt", "seconds", "variant", "sections", "lora")  # in controls of their own
FLOW = ("preset", "steps")  # mean nothing to a model without flow matching


def shown_fields(place: str) -> tuple[RequestField, ...]:
    """The declared fields of a place that are plain controls, in order."""
    shown = [
        spec for name, spec in FIELDS.items() if spec.place == place and name not in SHOWN_ELSEWHERE
    ]
    return tuple(sorted(shown, key=lambda spec: spec.kind == "text"))  # lines of prose last


def field(spec: RequestField, control: str = "", note: str = "") -> str:
    """Label, control, help and error line of a field.

    Args:
        control: markup in place of the plain control of the field's kind.
        note: help in place of the declared one.
    """
    return labelled(
        spec.name,
        spec.label,
        control or plain_control(spec),
        note or spec.help,
        " data-flow" if spec.name in FLOW else "",
    )


def labelled(name: str, label: str, control: str, note: str = "", more: str = "") -> str:
    """The frame that all fields share; the control's id is create-NAME-input."""
    hint = f'<small id="{FORM}-{name}-hint">{escape(_sentence(note))}</small>' if note else ""
    return (
        f'<div class="field" id="{FORM}-{name}" data-field="{name}"{more}>'
        f'<label for="{FORM}-{name}-input">{escape(label)}</label>{control}{hint}'
        f"{error_line(name)}</div>"
    )


def error_line(name: str) -> str:
    """Where the error of a field is shown; empty and hidden while there is none."""
    return f'<p class="field-error" role="alert" id="{FORM}-error-{name}" hidden></p>'


def plain_control(spec: RequestField) -> str:
    """The control of a kind: a select for a choice or a flag, else a line of text."""
    about = f'id="{FORM}-{spec.name}-input" name="{spec.name}" ' + described(spec)
    if spec.kind == "flag":
        return _select(about, (("", "not set"), ("yes", "yes"), ("no", "no")), "")
    if spec.kind == "choice":
        empty = (("", "not set"),) if spec.optional else ()
        return _select(about, (*empty, *((c, c) for c in spec.choices)), spec.default or "")
    mode = {"number": "decimal", "whole": "numeric"}.get(spec.kind, "text")
    longest = f' maxlength="{spec.longest}"' if spec.kind == "text" else ""
    return (
        f'<input type="text" {about} inputmode="{mode}" autocomplete="off"{longest} '
        f'placeholder="{escape(_placeholder(spec))}">'
    )


def described(spec: RequestField) -> str:
    """The attribute that ties a control to its help and its error."""
    return f'aria-describedby="{FORM}-{spec.name}-hint {FORM}-error-{spec.name}"'


def _select(about: str, choices: tuple[tuple[str, str], ...], chosen: str) -> str:
    options = "".join(
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>'
        f"{escape(text)}</option>"
        for value, text in choices
    )
    return f"<select {about}>{options}</select>"


def _placeholder(spec: RequestField) -> str:
    if spec.default is None or spec.default in ("", ()):
        return spec.unit
    return f"{spec.default:g}" if isinstance(spec.default, float) else str(spec.default)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
