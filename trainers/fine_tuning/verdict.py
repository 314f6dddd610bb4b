"""What a fine-tuning achieved, in words. Imports no torch."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from trainers.data.files import write_atomic

FILE = "verdict.json"
LITTLE_HOURS = 2.0  # of training music, below which more is the first advice
Outcome = Literal["better", "mixed", "not shown", "no better", "worse"]


@dataclass(frozen=True)
class Change:
    """A figure before and after, and after - before with its interval (None: too few pieces)."""

    name: str
    unit: str
    before: float
    after: float
    difference: float
    low: float | None
    high: float | None
    count: int

    @property
    def direction(self) -> int:
        """-1: it surely fell, which is better; 1: it surely rose; 0: not shown."""
        if self.low is None or self.high is None:
            return 0
        return -1 if self.high < 0 else 1 if self.low > 0 else 0

    def told(self) -> str:
        """In a sentence."""
        moved = "fell" if self.difference < 0 else "rose" if self.difference > 0 else "stayed"
        span = (
            "one item gives no interval"
            if self.low is None
            else f"95 % interval of the change {self.low:+.3g} to {self.high:+.3g}"
        )
        unit = f" {self.unit}" if self.unit else ""
        sure = {-1: "better", 1: "worse", 0: "neither better nor worse is shown"}[self.direction]
        return (
            f"The {self.name} {moved} from {self.before:.4g} to {self.after:.4g}{unit}, by "
            f"{abs(self.difference):.3g} ({span}; {self.count} items): {sure}."
        )


@dataclass(frozen=True)
class Verdict:
    """Whether a fine-tuned model is better than the one it began from.

    Attributes:
        outcome: better: the held-out loss surely fell and the distance did not surely rise; mixed:
            it did; not shown: intervals hold 0; no better: the kept weights are the base's; worse.
        headline: one sentence.
        sentences: loss, distance and the step of the kept weights.
        advice: what to try where it is not better.
        kept_step, steps: the step at which the kept weights stood, and all steps.
    """

    outcome: Outcome
    headline: str
    sentences: tuple[str, ...]
    advice: tuple[str, ...]
    kept_step: int
    steps: int

    @property
    def text(self) -> str:
        """All of it, as one paragraph."""
        tried = f" What to try: {'; '.join(self.advice)}." if self.advice else ""
        return " ".join((self.headline, *self.sentences)) + tried


def judge(
    name: str,
    base: str,
    loss: Change,
    distance: Change | None,
    kept_step: int,
    steps: int,
    same_weights: bool,
    hours: float,
    lora_rank: int | None,
) -> Verdict:
    """The verdict.

    Args:
        distance: between generated and held-out clips; None where it could not be measured.
        kept_step: of the weights with the least validation loss.
        same_weights: whether the kept weights are the base's, bit by bit.
        hours: of training music.
        lora_rank: None where all weights were trained.
    """
    kept = f"Kept are the weights of step {kept_step} of {steps}."
    told = (loss.told(), *((distance.told(),) if distance else ()), kept)
    advice = tuple(_advice(kept_step, steps, hours, lora_rank))
    if kept_step == 0 or same_weights:
        return Verdict(
            "no better",
            f"{name} is no better than {base}, the model it began from: no step had a lower "
            f"validation loss, so the kept weights are those of {base}.",
            (f"{steps} steps were trained.",),
            advice,
            kept_step,
            steps,
        )
    apart = distance.direction if distance else 0
    if loss.direction < 0 and apart <= 0:
        outcome: Outcome = "better"
        also = ", and its clips are nearer to them" if apart < 0 else ""
        headline = f"{name} predicts the held-out pieces better than {base}{also}."
        return Verdict(outcome, headline, told, (), kept_step, steps)
    if loss.direction < 0:
        outcome, words = "mixed", "predicts the held-out pieces better than"
        headline = f"{name} {words} {base}, but its clips are further from them."
    elif loss.direction > 0:
        outcome = "worse"
        headline = f"{name} is worse than {base}, the model it began from, on the held-out pieces."
    else:
        outcome = "not shown"
        headline = f"It is not shown that {name} is better than {base}, the model it began from."
    return Verdict(outcome, headline, told, advice, kept_step, steps)


def _advice(kept_step: int, steps: int, hours: float, lora_rank: int | None) -> list[str]:
    found = []
    if hours < LITTLE_HOURS:
        found.append(f"more music ({hours:.2f} hours were trained on)")
    if kept_step >= 0.8 * steps:
        found.append("more steps (the validation loss was still falling): more --minutes")
    elif kept_step < 0.5 * steps:
        after = f"rose again after step {kept_step}" if kept_step else "rose from the first step on"
        found.append(f"a lower learning rate (the validation loss {after})")
        if lora_rank is None:
            found.append("LoRA, which forgets less: --lora")
    if lora_rank is not None:
        found.append(f"a higher LoRA rank (it was {lora_rank}): --rank {2 * lora_rank}")
    return found or ["captions that say more of what is heard"]


def write(verdict: Verdict, run: Path) -> None:
    """Keep it beside the run."""
    write_atomic(run / FILE, json.dumps(asdict(verdict), indent=1))


def read(run: Path) -> Verdict | None:
    """The verdict of a run's folder, or None before there is one."""
    if not (run / FILE).is_file():
        return None
    given = json.loads((run / FILE).read_text(encoding="utf-8"))
    lists: dict[str, Sequence[str]] = {k: tuple(given[k]) for k in ("sentences", "advice")}
    return Verdict(**{**given, **lists})
