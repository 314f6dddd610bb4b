"""The page itself: header, tabs, panels and the player, written out before anything is fetched.

Create, Library, Compare and Models are markup and `web/*.js`; Benchmark, Results and Train are
Gradio pages of their own and Rate is the raters' page, shown in a frame that loads when its tab is
opened.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from html import escape

from studio.context import Studio
from studio.library import examples
from studio.tabs import create

TITLE = "InspireMusic studio"
MAIN = ("create", "library", "compare", "rate", "models")
LAB = ("benchmark", "results", "train")
SCRIPTS = ("main", "dom", "player", "form", "vendor/wavesurfer")


def frame_path(tab: str) -> str:
    """Path of the page of a framed tab: the raters' own, or one made with Gradio."""
    return tab if tab == "rate" else f"lab-{tab}"


def document(studio: Studio, framed: Collection[str]) -> str:
    """The page as HTML. `framed`: the tabs that have a Gradio page."""
    panels = {
        "create": create.build(studio),
        "library": _library(studio),
        "compare": _compare(),
        "models": '<h2>Models</h2><div id="models"></div>',
        "rate": _frame("rate"),
        **{tab: _frame(tab) for tab in framed},
    }
    preload = "".join(f'<link rel="modulepreload" href="studio/web/{name}.js">' for name in SCRIPTS)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<base href="{escape(studio.settings.root_path)}/"><title>{TITLE}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover">'
        '<meta name="referrer" content="same-origin">'
        '<meta name="color-scheme" content="light dark">'
        '<link rel="icon" href="data:,"><link rel="stylesheet" href="studio/web/studio.css">'
        f"{preload}"
        '<script type="module" src="studio/web/main.js"></script></head><body>'
        '<header class="top"><h1>InspireMusic <span>studio</span></h1>'
        f"{_tabs('Studio', MAIN)}{_tabs('Lab', LAB)}</header>"
        f"<main>{''.join(_panel(tab, content) for tab, content in panels.items())}</main>"
        f'{_player()}<div id="toast" role="status"></div>'
        f'<script type="application/json" id="studio-config">{_config(studio)}</script>'
        "</body></html>"
    )


def _tabs(label: str, tabs: tuple[str, ...]) -> str:
    buttons = "".join(
        f'<button type="button" role="tab" id="tab-{tab}" aria-controls="panel-{tab}" '
        f'aria-selected="false" tabindex="-1">{tab.title()}</button>'
        for tab in tabs
    )
    return (
        f'<div class="tabs tabs-{label.lower()}" role="tablist" aria-label="{label}">'
        f"{buttons}</div>"
    )


def _panel(tab: str, content: str) -> str:
    hidden = "" if tab == "create" else " hidden"
    return (
        f'<section id="panel-{tab}" class="panel" role="tabpanel" aria-labelledby="tab-{tab}"'
        f"{hidden}>{content}</section>"
    )


def _library(studio: Studio) -> str:
    days = f"{studio.settings.keep_days:g}"
    return (
        '<div class="desk-head"><h2>Library</h2><div class="tools">'
        '<input type="search" id="library-search" placeholder="Search" aria-label="Search">'
        '<label class="check"><input type="checkbox" id="library-starred"> Starred</label>'
        '<a class="quiet" id="library-export" href="studio/results.zip" download>Export all</a>'
        '<button type="button" class="quiet" id="library-erase">Delete all</button></div></div>'
        f'<p class="hint">Only this browser can see these pieces. They are kept for {days} days.'
        ' <span id="library-count" role="status"></span></p><div id="library-list"></div>'
        '<details class="box" id="verify-box"><summary>Check where a file comes from</summary>'
        '<div class="box-body"><p class="hint">Reads the signed provenance of a WAV, FLAC or MP3 '
        'file.</p><input type="file" id="verify-file" aria-label="File to check">'
        '<p id="verify-state" role="status"></p></div></details>'
    )


def _compare() -> str:
    return (
        '<h2>Compare</h2><p class="hint">Choose two to four of your pieces. They play at equal '
        'loudness, and switching keeps the position.</p><div id="compare"></div>'
    )


def _frame(tab: str) -> str:
    return f'<div class="frame" data-src="{frame_path(tab)}" data-title="{tab.title()}"></div>'


def _player() -> str:
    return (
        '<section class="dock" id="player" aria-label="Player" hidden>'
        '<button type="button" class="round" id="player-play" aria-label="Play"></button>'
        '<div class="dock-title" id="player-title"></div><div class="dock-wave" id="player-wave">'
        '</div><div class="dock-time" id="player-time"></div>'
        '<button type="button" class="quiet" id="player-close" aria-label="Close the player">'
        "&#10005;</button></section>"
    )


def _config(studio: Studio) -> str:
    """What the scripts must know; `<` is written so that no text can end the element."""
    pieces = [
        {"file": piece.file, "prompt": piece.request.prompt, "seconds": piece.request.seconds}
        for piece in examples.shipped()
    ]
    config = {"examples": pieces, "maxSeconds": studio.settings.max_seconds}
    return json.dumps(config).replace("<", "\\u003c")


def frame_head(studio: Studio) -> str:
    """What the framed Gradio pages get in their head."""
    root = escape(studio.settings.root_path)
    return (
        f'<link rel="stylesheet" href="{root}/studio/web/lab.css">'
        '<meta name="referrer" content="same-origin">'
    )


__all__ = ["LAB", "MAIN", "TITLE", "document", "frame_head", "frame_path"]
