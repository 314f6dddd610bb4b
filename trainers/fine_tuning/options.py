"""What a fine-tuning is asked for."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from core.errors import InputError
from trainers.fine_tuning import clips
from trainers.lora import LoraConfig


@dataclass(frozen=True)
class FineTuneOptions:
    """How a prepared folder is learned.

    Attributes:
        corpus: a prepared folder: its name in $STUDIO_WORK, or its path.
        minutes: of everything together: tokens, training, report, earlier calls counted.
        steps: train so many steps, however long it takes, instead of minutes.
        variant: variant or model folder to begin with.
        lora: low-rank matrices are trained instead of all weights; None: all weights.
        name: of the new model; None: that of the folder.
        clips: clips of 10 s that are made with the model before and after, for the report; None:
            4 to 12, as many as the minutes hold.
        threads: of torch.
        bf16: auto, on or off.
    """

    corpus: str
    minutes: float = 20.0
    steps: int | None = None
    variant: str = "nano"
    lora: LoraConfig | None = None
    name: str | None = None
    clips: int | None = None
    threads: int = 1
    bf16: str = "auto"

    def __post_init__(self) -> None:
        if self.steps is None and not self.minutes > 0:
            raise InputError("minutes", self.minutes, "give more than 0")
        if self.steps is not None and self.steps < 1:
            raise InputError("steps", self.steps, "give at least 1")
        if self.clips is not None and self.clips < clips.FEWEST:
            raise InputError("clips", self.clips, f"give at least {clips.FEWEST}")
        if not 1 <= self.threads <= 1024:
            raise InputError("threads", self.threads, "give at least 1")
        if self.bf16 not in ("auto", "on", "off"):
            raise InputError("bf16", self.bf16, "must be auto, on or off")

    @classmethod
    def default_threads(cls) -> int:
        """As many as torch takes."""
        return torch.get_num_threads()

    def arguments(self) -> list[str]:
        """The command line that asks for the same."""
        given = [
            self.corpus,
            *(("--steps", str(self.steps)) if self.steps else ("--minutes", str(self.minutes))),
            *("--variant", self.variant),
            *(("--clips", str(self.clips)) if self.clips else ()),
            *("--threads", str(self.threads), "--bf16", self.bf16),
        ]
        if self.name:
            given += ["--as", self.name]
        if self.lora:
            given += ["--lora", "--rank", str(self.lora.rank), "--alpha", str(self.lora.alpha)]
            if self.lora.targets:
                given += ["--targets", ",".join(self.lora.targets)]
        return given
