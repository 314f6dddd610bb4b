"""The variant picker: every variant with what a person must know before choosing it."""

from __future__ import annotations

import gradio as gr
import psutil

from core import variants
from core.variants import Variant
from studio.context import Studio
from studio.library.library import folder_bytes

BYTES_A_PARAMETER = 4  # fp32
SPARE = 1.3  # activations and caches beside the weights


def state_of(variant: Variant) -> str:
    """ "installed", or how to get it."""
    if variants.installed(variant):
        return "installed"
    return "to be downloaded" if variant.hub else "not installed"


def needed_bytes(variant: Variant) -> int | None:
    """Memory to run it: as Table 1 counts its weights, or as they lie on disk; None: unknown."""
    if variant.parameters.endswith("B"):
        return round(SPARE * BYTES_A_PARAMETER * float(variant.parameters[:-1]) * 1e9)
    if variants.installed(variant):
        return round(SPARE * folder_bytes(variants.folder_of(variant)))
    return None


def fit_of(variant: Variant) -> str:
    """ "fits" or "does not fit" into the memory that is free now; "" when unknown."""
    needed = needed_bytes(variant)
    if needed is None:
        return ""
    return "fits" if needed < psutil.virtual_memory().available else "does not fit"


def variant_field(studio: Studio, form: str) -> gr.Dropdown:
    """A dropdown of all variants; those not installed say so, and whether memory suffices."""
    known = sorted(variants.known().values(), key=lambda v: not variants.installed(v))
    return gr.Dropdown(
        [(_choice(v), v.name) for v in known],
        value=studio.settings.first_variant,
        label="Model",
        elem_id=f"{form}-variant",
        filterable=False,
    )


def _choice(variant: Variant) -> str:
    if variants.installed(variant):
        return variant.title
    fit = {"fits": ", fits in memory", "does not fit": ", too large for memory"}
    return f"{variant.title} ({state_of(variant)}{fit.get(fit_of(variant), '')})"
