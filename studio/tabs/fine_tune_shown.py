"""What the Train tab shows of a fine-tune: its folder, state, outcome and samples."""

from __future__ import annotations

import base64
import csv
import html
from collections.abc import Sequence
from pathlib import Path

from core import variants
from studio.context import Studio
from studio.fine_tunes import FineTuneState

SHOWN_PIECES = 200


def found_html(state: FineTuneState) -> str:
    """What is in the music: totals, every piece, and what was left out and why."""
    if not state.pieces:
        return ""
    hours = sum(piece.seconds for piece in state.pieces) / 3600
    head = "".join(
        f'<th scope="col">{name}</th>' for name in ("file", "seconds", "used for", "caption from")
    )
    rows = "".join(
        f'<tr><th scope="row">{html.escape(p.file)}</th><td>{p.seconds:.0f}</td>'
        f"<td>{p.split}</td><td>{html.escape(p.origin)}</td></tr>"
        for p in state.pieces[:SHOWN_PIECES]
    )
    more = len(state.pieces) - SHOWN_PIECES
    rest = f"<p>and {more} more</p>" if more > 0 else ""
    left = "".join(
        f"<li>{html.escape(file)}: {html.escape(reason)}</li>" for file, reason in state.left_out
    )
    refused = f"<p>Left out:</p><ul>{left}</ul>" if left else ""
    return (
        f"<p><b>{len(state.pieces)} pieces, {hours:.2f} hours.</b></p>"
        f'<div class="training table-scroll" tabindex="0" role="region" aria-label="Pieces"><table>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>{rest}{refused}"
    )


def state_html(state: FineTuneState) -> str:
    if state.failed:
        return f'<p class="field-error" role="alert">{html.escape(state.text)}</p>'
    training = state.training
    text = state.text
    if not text and training is not None and training.verdict is None:
        text = f"stopped; Train resumes it. {training.line}"
    left = training.left_seconds if training is not None and state.busy else None
    ahead = f" · about {left / 60:.0f} min left" if left else ""
    return f'<p class="job-status" role="status">{html.escape(text + ahead)}</p>' if text else ""


def outcome_html(studio: Studio, state: FineTuneState) -> str:
    """The verdict, the way to the model, and samples of both at equal seeds."""
    if state.training is None or state.training.verdict is None:
        return ""
    verdict, name = state.training.verdict, html.escape(state.name, quote=True)
    root = html.escape(studio.settings.root_path, quote=True)
    use = (
        f'<p><a class="use-model" target="_top" href="{root}/?tab=create&amp;model={name}">'
        "Use this model</a></p>"
        if state.name in variants.known()
        else ""
    )
    advice = f"What to try: {'; '.join(verdict.advice)}." if verdict.advice else ""
    told = " ".join((*verdict.sentences, advice)).strip()
    return (
        f"<h3>{html.escape(verdict.headline)}</h3><p>{html.escape(told)}</p>{use}"
        f"{_samples(state.training.run / 'report', state.name)}"
    )


def _samples(report: Path, name: str) -> str:
    """Held-out piece, base and new model beside each other: players that carry their sound."""
    clips = sorted((report / "clips").glob("*-00.mp3"))
    if not clips:
        return ""
    captions = _sample_captions(report)
    rows = "".join(
        f"<tr><td>{html.escape(caption)}</td>"
        + "".join(
            f'<td><audio controls preload="none" aria-label="{label}: {html.escape(caption)}" '
            f'src="data:audio/mpeg;base64,{base64.b64encode(file.read_bytes()).decode()}"></audio>'
            "</td>"
            for label, file in _beside(clip, name)
        )
        + "</tr>"
        for clip, caption in zip(clips, [*captions, *[""] * len(clips)])
    )
    heads = "".join(
        f'<th scope="col">{label}</th>'
        for label in ("caption", *(x for x, _ in _beside(clips[0], name)))
    )
    return (
        "<h3>The same captions and seeds, before and after</h3>"
        '<div class="training table-scroll" tabindex="0" role="region" aria-label="Samples">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _beside(clip: Path, name: str) -> list[tuple[str, Path]]:
    labels = ("held-out piece", "the base", html.escape(name, quote=True))
    files = [clip.with_name(clip.name.replace("-00.", f"-0{place}.")) for place in range(3)]
    return [(label, file) for label, file in zip(labels, files) if file.is_file()]


def _sample_captions(report: Path) -> Sequence[str]:
    tables = sorted(report.glob("held-out-*.csv"), key=lambda path: path.stat().st_mtime)
    if not tables:
        return ()
    with open(tables[-1], encoding="utf-8", newline="") as file:
        return [row["caption"] for row in csv.DictReader(file)]
