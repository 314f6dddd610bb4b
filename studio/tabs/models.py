"""The Models tab: what is installed, what can be downloaded, and each model's card."""

from __future__ import annotations

from html import escape

import psutil
from markdown_it import MarkdownIt

from core import variants
from core.variants import Variant
from studio.context import Studio
from studio.library.library import folder_bytes
from studio.tabs.variants import fit_of, is_choice, needed_bytes, sentence

# Raw HTML of a card is shown as text, and links of doubtful kinds are not made.
CARD = MarkdownIt("commonmark", {"html": False}).enable("table")
INSTALLED, OFFERED, OTHERS = "Installed", "To download", "Not available here"


def build(studio: Studio) -> str:
    """The tab's content as HTML; `web/models.js` fetches it whenever the tab is opened."""
    free = psutil.virtual_memory().available
    groups: dict[str, list[Variant]] = {INSTALLED: [], OFFERED: [], OTHERS: []}
    for variant in variants.known().values():
        here = variants.installed(variant)
        groups[INSTALLED if here else OFFERED if is_choice(variant) else OTHERS].append(variant)
    shown = "".join(
        f"<h3>{name}</h3>" + "".join(_model(studio, v, free) for v in group)
        for name, group in groups.items()
        if group
    )
    return (
        f'<div class="tools"><p class="hint">Free memory: {_size(free)}.</p>'
        f'<button type="button" class="quiet models-refresh">Refresh</button></div>{shown}'
    )


def _model(studio: Studio, variant: Variant, free: int) -> str:
    folder = variants.local_folder(variant)
    facts = [f"{variant.sample_rate // 1000} kHz", f"{variant.parameters} parameters"]
    if folder is not None and folder.is_dir():
        facts.append(f"{_size(folder_bytes(folder))} on disk")
    needed = needed_bytes(variant)
    if needed is not None:
        facts.append(f"{_size(needed)} of memory, {fit_of(variant, free)}")
    if variant.hub:
        facts.append(f"{variant.hub} on the Hugging Face hub")
    return (
        f'<article class="card model" data-model="{escape(variant.name)}"><div class="piece-head">'
        f'<div class="piece-name"><h4>{escape(variant.title)}</h4><p>{escape(sentence(variant))}'
        f'</p><p class="facts">{escape(" · ".join(facts))}</p></div>'
        f"{_download(studio, variant)}</div>{_card(variant)}</article>"
    )


def _download(studio: Studio, variant: Variant) -> str:
    if variants.installed(variant) or not variant.hub or not studio.settings.downloads:
        return ""
    state = studio.downloads.state(variant)
    told = ""
    if state is not None and state.error is not None:
        told = f'<p class="field-error" role="alert">{escape(str(state.error))}</p>'
    elif state is not None and state.running:
        of_all = f" of {_size(state.total)}" if state.total else ""
        return f'<p data-running role="status">{_size(state.received)}{of_all} fetched …</p>'
    return (
        f'{told}<button type="button" class="quiet" data-download="{escape(variant.name)}" '
        f'aria-label="Download {escape(variant.title)}">Download</button>'
    )


def _card(variant: Variant) -> str:
    text = card_text(variant)
    if not text:
        return ""
    return (
        f'<details class="model-card" id="card-{escape(variant.name)}"><summary>Model card'
        f'</summary><div class="scroll" tabindex="0" role="region" aria-label="Card of '
        f'{escape(variant.title)}">{CARD.render(text)}</div></details>'
    )


def card_text(variant: Variant) -> str:
    """The variant's model card, Markdown, its headings moved below the page's; "" without one."""
    folder = variants.local_folder(variant)
    path = folder / "README.md" if folder is not None else None
    if path is None or not path.is_file():
        return ""
    text = path.read_text(encoding="utf-8")
    text = text.split("\n---\n", 1)[-1] if text.startswith("---\n") else text
    lines = text.splitlines()
    return "\n".join(f"{HEADING_SHIFT}{line}" if line.startswith("#") else line for line in lines)


HEADING_SHIFT = "####"  # a card's first heading stands below the model's own


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"
