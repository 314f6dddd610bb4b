"""The Models tab: every variant and own model, whether it is here, what it needs, its card."""

from __future__ import annotations

import html

import gradio as gr
import psutil

from core import variants
from core.errors import StudioError
from core.variants import Variant
from studio.context import Studio
from studio.library.library import folder_bytes
from studio.tabs.element import element
from studio.tabs.field_errors import FieldErrors
from studio.tabs.variant_choice import fit_of, needed_bytes, state_of


def build(studio: Studio) -> None:
    """Lay the tab out and connect it."""
    element(
        '<p class="tab-note">Every model of the paper\'s Table 1, and nano. nano is shipped '
        "with the studio; the others are large and come from the Hugging Face hub. Below them "
        "stand your own, from the folder of models.</p>"
    )
    table = element(table_html(), "models-table")
    refresh = gr.Button("Look again", size="sm", elem_id="models-refresh")
    choice = gr.Dropdown(
        _choices(),
        value=studio.settings.first_variant,
        label="Model card of",
        filterable=False,
        elem_id="models-choice",
    )
    if studio.settings.downloads:
        _download(studio, choice, table)
    card = gr.Markdown(
        card_text(studio.variant(studio.settings.first_variant)),
        elem_id="models-card",
        sanitize_html=True,
    )
    refresh.click(
        lambda: (table_html(), gr.Dropdown(_choices())),
        None,
        [table, choice],
        api_visibility="private",
    )
    choice.change(
        lambda name: card_text(studio.variant(name)), choice, card, api_visibility="private"
    )


def _download(studio: Studio, choice: gr.Dropdown, table: gr.HTML) -> None:
    """The button that fetches the chosen model, and how far that is."""
    errors = FieldErrors("models")
    fetch = gr.Button("Download this model", elem_id="models-download")
    errors.line("form")
    progress = gr.HTML(
        "",
        html_template='<p class="card-facts" role="status">{{value}}</p>',
        js_on_load=None,
        elem_id="models-progress",
    )
    timer = gr.Timer(1.0, active=False)

    def start(name: str) -> dict:
        try:
            studio.downloads.start(studio.variant(name))
        except StudioError as error:
            return errors.show(error)
        return {**errors.clear(), timer: gr.Timer(active=True)}

    def look(name: str) -> dict:
        variant = studio.variant(name)
        state = studio.downloads.state(variant)
        if state is None:
            return {timer: gr.Timer(active=False)}
        if state.error is not None:
            return {**errors.show(state.error), progress: "", timer: gr.Timer(active=False)}
        of_all = f" of {_size(state.total)}" if state.total else ""
        text = f"{variant.title}: {_size(state.received)}{of_all} fetched"
        if state.running:
            return {progress: f"{text} …"}
        return {progress: f"{text}, ready", table: table_html(), timer: gr.Timer(active=False)}

    quiet = {"show_progress": "hidden", "api_visibility": "private"}
    fetch.click(start, choice, [timer, *errors.outputs], **quiet)
    timer.tick(look, choice, [progress, timer, table, *errors.outputs], **quiet)


def table_html() -> str:
    """One row a variant. Everything in it comes from core, nothing from people."""
    free = psutil.virtual_memory().available
    names = ("Model", "Sound", "Parameters", "State", "On disk", "Memory", "From")
    rows = []
    for variant in variants.known().values():
        needed = needed_bytes(variant)
        fits = "–" if needed is None else f"{_size(needed)}, {fit_of(variant)}"
        cells = [
            variant.title,
            f"{variant.sample_rate // 1000} kHz",
            variant.parameters,
            state_of(variant),
            _disk(variant),
            fits,
            _origin(variant),
        ]
        rows.append(
            "<tr>"
            + "".join(
                f'<td data-label="{name}">{html.escape(cell)}</td>'
                for name, cell in zip(names, cells)
            )
            + "</tr>"
        )
    head = "".join(f'<th scope="col">{n}</th>' for n in names)
    return (
        f'<p class="card-facts">Free memory: {_size(free)}.</p><div class="table-scroll">'
        f'<table class="models"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody>'
        "</table></div>"
    )


def card_text(variant: Variant) -> str:
    """The variant's model card, Markdown."""
    folder = variants.local_folder(variant)
    if folder is None:
        return (
            f"{variant.title} is `{variant.hub}` on the Hugging Face hub; it is not on this "
            "machine."
        )
    path = folder / "README.md"
    if not path.is_file():
        return f"{variant.title} has no card in its folder."
    text = path.read_text(encoding="utf-8")
    return text.split("\n---\n", 1)[-1] if text.startswith("---\n") else text


def _choices() -> list[tuple[str, str]]:
    return [(variant.title, variant.name) for variant in variants.known().values()]


def _origin(variant: Variant) -> str:
    shipped = variant.folder.startswith("assets/")
    return variant.hub or ("shipped" if shipped else "a folder of your own")


def _disk(variant: Variant) -> str:
    folder = variants.local_folder(variant)
    return _size(folder_bytes(folder)) if folder is not None and folder.is_dir() else "–"


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
