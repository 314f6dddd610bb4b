"""The minutes of a fine-tuning, shared among its stages: tokens, before, training, after.

What each stage took is kept, so that a run that is stopped and goes on stays within its minutes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core import audio
from core.errors import InputError
from core.pipeline import Pipeline
from core.requests.request import GenerationRequest
from core.wavtokenizer import WavTokenizer
from trainers.data import extraction
from trainers.data.files import write_atomic

TOKENS, BEFORE, TRAINING, AFTER = STAGES = ("tokens", "before", "training", "after")
FILE = "time.json"
PROBE_SECONDS = 2.0  # of music that is made to learn how fast this machine is
LEAST_TRAINING = 30.0  # s
REPORT_SECONDS = 10.0  # distances' intervals, the page and its MP3s, beside what is measured
CLIPS = (12, 8, 6, 4)
TRAINED = 0.4  # least share of the minutes
LOSS_SECONDS = 0.15  # of a 10 s crop; corrected by the stage `before`


@dataclass
class Budget:
    """Seconds by stage.

    Attributes:
        minutes: of everything together; 0: as long as it takes.
        used: stage -> seconds until now.
        expected: stage -> seconds in all, as far as is known.
    """

    minutes: float
    used: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    expected: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    _folder: Path | None = None

    @classmethod
    def of(cls, run: Path, minutes: float) -> Budget:
        """With what earlier calls used."""
        made = cls(minutes, _folder=run)
        if (run / FILE).is_file():
            made.used |= json.loads((run / FILE).read_text(encoding="utf-8"))
        return made

    @contextmanager
    def stage(self, name: str, began: float | None = None) -> Iterator[None]:
        """Count the time of a stage, whatever ends it."""
        began = time.monotonic() if began is None else began
        before = self.used[name]
        try:
            yield
        finally:
            self.used[name] = before + time.monotonic() - began
            self.keep()

    def keep(self) -> None:
        """Write what was used beside the run."""
        if self._folder is not None and self._folder.is_dir():
            write_atomic(self._folder / FILE, json.dumps(self.used))

    def after_seconds(self) -> float:
        """What follows the training, in all."""
        return max(self.expected[AFTER], REPORT_SECONDS)

    def training_minutes(self) -> float:
        """What is left for training, of this and earlier calls together; 0: no bound.

        Raises: InputError when the other stages leave too little.
        """
        if not self.minutes:
            return 0.0
        others = [max(self.used[s], self.expected[s]) for s in (TOKENS, BEFORE)]
        left = 60 * self.minutes - sum(others) - self.after_seconds()
        if left < LEAST_TRAINING:
            needed = (sum(others) + self.after_seconds() + LEAST_TRAINING) / 60
            raise InputError(
                "minutes",
                f"{self.minutes:g}",
                f"tokens take about {others[0] / 60:.1f}, measuring the model before "
                f"{others[1] / 60:.1f} and after {self.after_seconds() / 60:.1f}: give at least "
                f"{np.ceil(needed):.0f}, or fewer --clips",
            )
        return left / 60

    def told(self) -> str:
        """The estimate in a sentence."""
        parts = [
            f"{max(self.used[s], self.expected[s]) / 60:.1f} {words}"
            for s, words in ((TOKENS, "tokens"), (BEFORE, "measuring the model before"))
        ]
        after = f"{self.after_seconds() / 60:.1f} measuring it after and the report"
        if not self.minutes:
            return f"about {', '.join(parts)}, the training's steps, {after} (minutes)"
        return (
            f"{self.minutes:g} minutes in all, about {', '.join(parts)}, "
            f"{self.training_minutes():.1f} training, {after}"
        )


def measure(
    budget: Budget,
    base: str,
    model: WavTokenizer,
    missing_seconds: float,
    clips: int | None,
    crops: int,
) -> int:
    """Fill in what is expected, from a few seconds of work on this machine.

    Args:
        model: the WavTokenizer.
        missing_seconds: of music that has no tokens yet.
        clips, crops: made and measured, before and after each. No clips given: as many of CLIPS
            as leave TRAINED of the minutes to training, the fewest where none do.
    Returns: the number of clips.
    """
    rate = model.sample_rate
    noise = np.random.default_rng(0).standard_normal(round(5 * rate)) * 0.1
    sound = [noise.astype(np.float32)]
    extraction.encode(model, sound)  # the first call prepares more than it computes
    began = time.monotonic()
    extraction.encode(model, sound)
    per_second = (time.monotonic() - began) / 5
    budget.expected[TOKENS] = budget.used[TOKENS] + missing_seconds * (per_second + 0.01)
    began = time.monotonic()
    pipeline = Pipeline.load(base)
    loading = time.monotonic() - began
    began = time.monotonic()
    made = pipeline.generate(GenerationRequest("music", PROBE_SECONDS, base, seed=1))
    pace = (time.monotonic() - began) / PROBE_SECONDS
    audio.resample(made.channels, made.sample_rate, 16_000)
    for count in (clips,) if clips else CLIPS:
        side = loading + count * 10 * pace + crops * LOSS_SECONDS
        budget.expected[BEFORE] = max(side, budget.used[BEFORE])
        budget.expected[AFTER] = side + REPORT_SECONDS
        others = sum(budget.expected.values())
        if not budget.minutes or others <= (1 - TRAINED) * 60 * budget.minutes:
            break
    return count
