"""The Models tab: every variant, whether it is here, what it needs, its card."""

from __future__ import annotations

import html

import gradio as gr
import psutil

from core import variants
from core.errors import InputError
from core.variants import Variant
from studio.context import Studio
from studio.library import folder_bytes
from studio.variant_choice import state_of

BYTES_A_PARAMETER = 4  # fp32
SPARE = 1.3  # activations and caches beside the weights


def build(studio: Studio) -> None:
    """Lay the tab out and connect it."""
    gr.HTML('<p class="tab-note">Every model of the paper\'s Table 1, and nano. nano is shipped '
            "with the studio; the others are large and come from the Hugging Face hub.</p>",
            js_on_load=None)
    table = gr.HTML(table_html, js_on_load=None, elem_id="models-table")
    refresh = gr.Button("Look again", size="sm", elem_id="models-refresh")
    choice = gr.Dropdown([(v.title, v.name) for v in variants.VARIANTS.values()],
                         value=studio.settings.first_variant, label="Model card of",
                         filterable=False, elem_id="models-choice")
    card = gr.Markdown(card_text(studio.settings.first_variant), elem_id="models-card",
                       sanitize_html=True)
    refresh.click(table_html, None, table, api_visibility="private")
    choice.change(card_text, choice, card, api_visibility="private")


def needed_bytes(variant: Variant) -> int | None:
    """Memory to run it: its weights on disk, or as Table 1 counts them; None when unknown."""
    if variants.installed(variant):
        folder = variants.folder_of(variant)
        return round(SPARE * sum((folder / f"{c}.safetensors").stat().st_size
                                 for c in variant.components))
    if variant.parameters.endswith("B"):
        return round(SPARE * BYTES_A_PARAMETER * float(variant.parameters[:-1]) * 1e9)
    return None


def table_html() -> str:
    """One row a variant. Everything in it comes from core, nothing from people."""
    free = psutil.virtual_memory().available
    rows = []
    for variant in variants.VARIANTS.values():
        needed = needed_bytes(variant)
        fits = "–" if needed is None else f"{_size(needed)}, " + (
            "fits" if needed < free else "does not fit")
        cells = [variant.title, f"{variant.sample_rate // 1000} kHz", variant.parameters,
                 state_of(variant), _disk(variant), fits, variant.hub or "shipped"]
        rows.append("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in cells) + "</tr>")
    names = ("Model", "Sound", "Parameters", "State", "On disk", "Memory", "From")
    head = "".join(f'<th scope="col">{n}</th>' for n in names)
    return (f'<p class="card-facts">Free memory: {_size(free)}.</p><div class="table-scroll">'
            f'<table class="models"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'
            "</table></div>")


def card_text(name: str) -> str:
    """The variant's model card, Markdown."""
    variant = variants.get(name)
    try:
        path = variants.folder_of(variant) / "README.md"
    except InputError as error:
        hub = f" It is `{variant.hub}` on the Hugging Face hub." if variant.hub else ""
        return f"{error}.{hub}"
    if not path.is_file():
        return f"{variant.title} has no card in its folder."
    text = path.read_text(encoding="utf-8")
    return text.split("\n---\n", 1)[-1] if text.startswith("---\n") else text


def _disk(variant: Variant) -> str:
    try:
        return _size(folder_bytes(variants.folder_of(variant)))
    except InputError:
        return "–"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
