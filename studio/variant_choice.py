"""The variant picker: every variant with what a person must know before choosing it."""

from __future__ import annotations

import gradio as gr

from core import variants
from core.variants import Variant
from studio.context import Studio


def state_of(variant: Variant) -> str:
    """"installed", or how to get it."""
    if variants.installed(variant):
        return "installed"
    return "to be downloaded" if variant.hub else "not installed"


def variant_field(studio: Studio, form: str) -> gr.Dropdown:
    """A dropdown of all variants; those not installed say so when chosen."""
    choices = [(f"{v.title} · {v.sample_rate // 1000} kHz · {state_of(v)}", v.name)
               for v in sorted(variants.VARIANTS.values(), key=lambda v: not variants.installed(v))]
    return gr.Dropdown(choices, value=studio.settings.first_variant, label="Model",
                       elem_id=f"{form}-variant", filterable=False)
