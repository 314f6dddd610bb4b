"""A model folder of either layout: which it is, what it holds, and its components loaded."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import torch
from torch import nn

from core.checkpoints import studio_layout
from core.checkpoints.contents import OFFICIAL, STUDIO, components_of, layout_of, read_config
from core.checkpoints.official import layout as official_layout
from core.errors import InputError
from core.text_tokenizer import TextTokenizer

if TYPE_CHECKING:
    from core.hificodec import HiFiCodec
    from core.language_model import LanguageModel
    from core.srfm import SRFM
    from core.wavtokenizer import WavTokenizer

__all__ = [
    "OFFICIAL",
    "STUDIO",
    "about",
    "components_of",
    "config_of",
    "fingerprint",
    "layout_of",
    "open_component",
    "text_tokenizer",
]


def config_of(folder: Path, component: str) -> Any:
    """The sizes of one component.

    Raises: InputError, one line, for a config that cannot be read as one.
    """
    layout = official_layout if layout_of(folder) == OFFICIAL else studio_layout
    with _one_line(folder):
        return layout.config(folder, component)


@overload
def open_component(
    folder: Path, component: Literal["wavtokenizer"], dtype: torch.dtype = ..., device: str = ...
) -> WavTokenizer: ...


@overload
def open_component(
    folder: Path, component: Literal["language_model"], dtype: torch.dtype = ..., device: str = ...
) -> LanguageModel: ...


@overload
def open_component(
    folder: Path, component: Literal["srfm"], dtype: torch.dtype = ..., device: str = ...
) -> SRFM: ...


@overload
def open_component(
    folder: Path, component: Literal["hificodec"], dtype: torch.dtype = ..., device: str = ...
) -> HiFiCodec: ...


@overload
def open_component(
    folder: Path, component: str, dtype: torch.dtype = ..., device: str = ...
) -> nn.Module: ...


def open_component(
    folder: Path, component: str, dtype: torch.dtype = torch.float32, device: str = "cpu"
) -> nn.Module:
    """One component of either layout, in eval mode, its file read once and cast to `dtype`.

    Raises: InputError, one line, for whatever is missing, damaged or does not fit.
    """
    layout = official_layout if layout_of(folder) == OFFICIAL else studio_layout
    with _one_line(folder):
        return layout.load(folder, component, dtype, device)


@contextlib.contextmanager
def _one_line(folder: Path) -> Iterator[None]:
    """A config may lie in more ways than are checked by name; each is one line, too."""
    try:
        yield
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError) as error:
        said = f"{type(error).__name__}: {' '.join(str(error).split())[:120]}"
        raise InputError("model folder", folder, f"its config does not fit ({said})") from error
    except RecursionError as error:
        raise InputError("model folder", folder, "its config refers to itself") from error


def about(folder: Path) -> dict[str, Any]:
    """What the folder says of itself, for results."""
    if layout_of(folder) == OFFICIAL:
        return {"name": folder.name, "layout": OFFICIAL}
    return dict(read_config(folder).get("about", {}))


def fingerprint(folder: Path) -> str:
    """Hash of everything in a model folder that decides its sound, 16 hex digits."""
    found = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in (".md", ".txt") and path.name != "evaluation.json":
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").digest()
            found.update(path.name.encode() + digest)
    return found.hexdigest()[:16]


def text_tokenizer(folder: Path) -> TextTokenizer:
    """The folder's text tokenizer; a released folder without one gets Qwen's, rebuilt."""
    return TextTokenizer.from_folder(folder, qwen=layout_of(folder) == OFFICIAL)
