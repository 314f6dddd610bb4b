"""What the fine-tuning changed, as a page and as the model's card."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.benchmark import (
    Difference,
    Plan,
    RunResult,
    difference_report,
    run_report,
    run_table,
)
from evaluation.metrics import mean_interval
from evaluation.report import (
    Cell,
    Column,
    PlayableItem,
    Report,
    ReportFiles,
    Row,
    Table,
    table_text,
    write_report,
)
from trainers.data.files import write_atomic
from trainers.fine_tuning.losses import CROPS
from trainers.fine_tuning.losses import SECONDS as CROP_SECONDS
from trainers.fine_tuning.verdict import Verdict
from trainers.lora import LoraConfig

BEFORE, AFTER = "before", "after"
FEWEST = 2  # pieces, for an interval


@dataclass(frozen=True)
class Findings:
    """All that was measured.

    Attributes:
        name, base: the model and what it began from.
        steps, minutes: of training.
        lora: the low-rank matrices that were trained; None: all weights.
        pieces: test pieces, in the order of the losses.
        before, after: each piece's loss, nats a token.
        result, differences, plan: of the generated clips.
        items: what the page plays.
        facts: licences, folder and the like.
        verdict: whether it got better.
    """

    name: str
    base: str
    steps: int
    minutes: float
    lora: LoraConfig | None
    pieces: tuple[str, ...]
    before: tuple[float, ...]
    after: tuple[float, ...]
    result: RunResult
    differences: Sequence[Difference]
    plan: Plan
    items: tuple[PlayableItem, ...]
    facts: dict[str, str]
    verdict: Verdict


def mean_cell(values: Sequence[float]) -> Cell:
    """Mean over pieces, with its interval from two pieces on."""
    if len(values) < FEWEST:
        return Cell(float(np.mean(values)))
    found = mean_interval(values)
    return Cell(found.estimate, found.low, found.high)


def _apart(found: Findings) -> list[float]:
    return [after - before for before, after in zip(found.before, found.after)]


def loss_table(found: Findings) -> Table:
    """Held-out losses before and after, and their paired difference."""
    count = Cell(text=str(len(found.pieces)))
    apart = _apart(found)
    rows = ((BEFORE, found.before), (AFTER, found.after), ("after minus before", apart))
    note = (
        f"up to {CROPS} crops of {CROP_SECONDS:g} s of every test piece with its own caption; "
        "the mean over pieces, 95 % interval by bootstrap over pieces, pairs kept for the "
        "difference; fp32"
    )
    if len(found.pieces) < FEWEST:
        note += (
            "; one piece gives no interval, prepare with a larger --test and name another "
            "model with --as"
        )
    return Table(
        "Loss on held-out pieces",
        ("weights",),
        (Column("nats a token", "lower", 4), Column("pieces", charted=False)),
        tuple(Row((name,), (mean_cell(values), count)) for name, values in rows),
        note,
    )


def tables(found: Findings) -> tuple[Table, ...]:
    """Losses, distances, differences."""
    differences = difference_report(found.result, found.result, found.differences).tables[0]
    return (
        loss_table(found),
        dataclasses.replace(run_table(found.result), title="Generated clips"),
        dataclasses.replace(
            differences,
            title="After against before, clip by clip",
            note="the same captions and seeds",
        ),
    )


def write(found: Findings, out: Path) -> ReportFiles:
    """Write the page with clips to hear, its tables and the figures as JSON."""
    measured = run_report(found.result, found.plan.recipes)
    each = tuple(
        {"piece": name, "before": before, "after": after}
        for name, before, after in zip(found.pieces, found.before, found.after)
    )
    return write_report(
        Report(
            title=f"{found.name}: {found.base} fine-tuned",
            summary=(
                found.verdict.text,
                told(found),
                f"Distances are of {clips(found)} a side and, at so few, say "
                "little: look at their intervals and bias; --clips makes more.",
            ),
            tables=tables(found),
            facts={**found.facts, **measured.facts},
            rows=measured.rows,
            data=as_dict(found),
            item_rows=each,
            items=found.items,
        ),
        out,
    )


def told(found: Findings) -> str:
    """What was done, in a sentence."""
    kind = "all weights of the language model"
    if found.lora:
        kind = f"LoRA of rank {found.lora.rank}, merged"
    return (
        f"{found.base} was trained on {found.facts['corpus']} for {found.steps} steps in "
        f"{found.minutes:.1f} minutes ({kind}); kept are the weights with the least loss on "
        f"the validation pieces, those of step {found.verdict.kept_step}; all figures are of the "
        "test pieces."
    )


def clips(found: Findings) -> str:
    """How many clips, how long."""
    count = len(found.result.systems[0].pairs)
    return f"{count} clips of {found.plan.systems[0].generation['seconds']:g} s"


def as_dict(found: Findings) -> dict[str, Any]:
    """Every figure."""

    def figure(values: Sequence[float]) -> dict[str, Any]:
        cell = mean_cell(values)
        return {"mean": cell.value, "ci95": None if cell.low is None else [cell.low, cell.high]}

    return {
        "name": found.name,
        "base": found.base,
        "lora": dataclasses.asdict(found.lora) if found.lora else None,
        "verdict": {**dataclasses.asdict(found.verdict), "text": found.verdict.text},
        "steps": found.steps,
        "minutes": round(found.minutes, 2),
        "cross_entropy": {
            "unit": "nats a token",
            "pieces": len(found.pieces),
            "before": figure(found.before),
            "after": figure(found.after),
            "after_minus_before": figure(_apart(found)),
        },
        "clips": found.result.as_dict(),
        "differences": [dataclasses.asdict(one) for one in found.differences],
        "facts": found.facts,
    }


def write_card(found: Findings, model: Path) -> None:
    """The model folder's README.md and its figures."""
    facts = "\n".join(f"* {name}: {value}" for name, value in found.facts.items())
    shown = "\n\n".join(table_text(table) for table in tables(found))
    base = f"\n\nThe card of {found.base}: `BASE.md`." if (model / "BASE.md").is_file() else ""
    write_atomic(
        model / "README.md",
        f"# {found.name}\n\n{found.verdict.text}\n\n{told(found)}{base}\n\n## Data\n{facts}\n\n"
        f"## Before and after\nGenerated clips: {clips(found)}.\n\n{shown}\n",
    )
    write_atomic(model / "evaluation.json", json.dumps(as_dict(found), indent=1))
