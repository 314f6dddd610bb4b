"""Gradio's Blocks, strict about what a request may put into a component.

Gradio copies any `FileData` it finds in a request into its cache and answers with the address of
the copy, whatever the component. Its own check of paths is armed by `has_launched`, which
`gr.mount_gradio_app` never sets. Here both doors are closed: a file is taken by a file component
alone, and only one that was uploaded.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components.api_component import Api
from gradio.utils import get_upload_folder

from core.errors import InputError
from studio.api.asking import utf8

FILE_COMPONENTS = (gr.File, gr.UploadButton, gr.Audio)
JSON_COMPONENTS = (Api, gr.JSON)  # any JSON value, but no file
SCALAR = (str, int, float, bool, type(None))


class GuardedBlocks(gr.Blocks):
    """Blocks whose inputs are checked before Gradio looks at them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.has_launched = True  # arms Gradio's checks of paths

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], *args: Any, **kwargs: Any
    ) -> list[Any]:
        """What a caller leaves out at the end is as the fields stand: endpoints grow.

        Raises: gr.Error naming the field whose value is not of its kind.
        """
        if block_fn.api_name:
            left_out = block_fn.inputs[len(inputs) :]
            inputs = [*inputs, *(getattr(each, "value", None) for each in left_out)]
        try:
            for component, value in zip(block_fn.inputs, inputs):
                require_kind(component, value)
        except InputError as error:
            raise gr.Error(utf8(str(error)), print_exception=False) from error
        return await super().preprocess_data(block_fn, inputs, *args, **kwargs)


def require_kind(component: Any, value: Any) -> None:
    """Raises: InputError when the value is not one that this component may be given."""
    if component.stateful:  # its value is the server's
        return
    name = str(getattr(component, "label", None) or "value")
    if isinstance(value, str) and utf8(value) != value:
        raise InputError(name, "", "holds half a character, which is no text")
    if isinstance(component, FILE_COMPONENTS):
        for file in value if isinstance(value, list) else [value]:
            if file is not None:
                _require_upload(name, file)
    elif isinstance(component, JSON_COMPONENTS):
        if any("path" in mapping or "meta" in mapping for mapping in _mappings(value)):
            raise InputError(name, "", "must not hold a file")
    elif not isinstance(value, SCALAR) and not (
        isinstance(value, list) and all(isinstance(v, SCALAR) for v in value)
    ):
        raise InputError(name, "", "must be text, a number or a choice")


def _require_upload(name: str, file: Any) -> None:
    """A regular file inside Gradio's upload folder, with every link resolved."""
    refused = InputError(name, "", "must be a file that was uploaded here")
    path = file.get("path") if isinstance(file, dict) else None
    if not isinstance(path, str):
        raise refused
    try:
        real = Path(path).resolve(strict=True)
        regular = stat.S_ISREG(real.stat().st_mode)
    except (OSError, ValueError, RuntimeError) as error:
        raise refused from error
    if not regular or not real.is_relative_to(Path(get_upload_folder()).resolve()):
        raise refused


def _mappings(value: Any) -> Iterator[dict]:
    """Every dictionary in a JSON value."""
    if isinstance(value, dict):
        yield value
    for inner in (
        value.values() if isinstance(value, dict) else (value if isinstance(value, list) else ())
    ):
        yield from _mappings(inner)
