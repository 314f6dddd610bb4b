"""Errors shown beside the field they belong to."""

from __future__ import annotations

from typing import Any

import gradio as gr

from core.errors import StudioError

ELSEWHERE = "form"


class FieldErrors:
    """One line of alert per field of a form; the last one takes what belongs to no field.

    Args:
        form: prefix of the elements' ids.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        self._lines: dict[str, gr.HTML] = {}
        self._fields: dict[str, str] = {}

    def line(self, field: str, *names: str) -> gr.HTML:
        """Create the line of a field here; `names` are the error names it takes."""
        self._lines[field] = gr.HTML(
            "",
            html_template='<p class="field-error" role="alert">{{value}}</p>',
            elem_id=f"{self._form}-error-{field}",
            visible=False,
        )
        self._fields.update({name: field for name in names})
        return self._lines[field]

    @property
    def outputs(self) -> list[gr.HTML]:
        return list(self._lines.values())

    def clear(self) -> dict[Any, Any]:
        """Updates that hide every line."""
        return {line: gr.update(value="", visible=False) for line in self.outputs}

    def show(self, error: StudioError) -> dict[Any, Any]:
        """Updates that show this error beside its field and hide the others."""
        field = self._fields.get(error.name, ELSEWHERE)
        return {**self.clear(), self._lines[field]: gr.update(value=str(error), visible=True)}
