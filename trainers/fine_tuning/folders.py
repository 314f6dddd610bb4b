"""Where a fine-tuning keeps what, and what it was begun with."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core import variants
from core.errors import InputError
from core.workspace import models_folder, work_folder
from trainers.data.files import write_atomic
from trainers.fine_tuning.options import FineTuneOptions

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class FineTuneSettings:
    """What a fine-tuning goes on with.

    Attributes:
        corpus: the prepared folder.
        base: variant or model folder whose weights it begins with.
        lora: whether low-rank matrices are trained instead of the weights.
        rank, alpha, targets: of them; 0 and empty without.
        clips: of the report; others may be asked for later.
    """

    corpus: str
    base: str
    lora: bool
    rank: int = 0
    alpha: int = 0
    targets: tuple[str, ...] = ()
    clips: int = field(default=0, compare=False)

    @classmethod
    def of(cls, corpus: str, options: FineTuneOptions) -> FineTuneSettings:
        """Of these choices."""
        lora, count = options.lora, options.clips or 0
        if lora is None:
            return cls(corpus, options.variant, False, clips=count)
        return cls(corpus, options.variant, True, lora.rank, lora.alpha, lora.targets, count)

    @classmethod
    def clips_of(cls, note: Path) -> int | None:
        """How many clips were chosen when it was begun."""
        return (cls.read(note).clips or None) if note.is_file() else None

    @classmethod
    def read(cls, note: Path) -> FineTuneSettings:
        """What was noted; rank and alpha were 8 and 16 before they were noted."""
        given = json.loads(note.read_text(encoding="utf-8"))
        if given["lora"] and "rank" not in given:
            given |= {"rank": 8, "alpha": 16}
        return cls(**{**given, "targets": tuple(given.get("targets", ()))})

    @property
    def kind(self) -> str:
        """In words."""
        return f"LoRA of rank {self.rank}, alpha {self.alpha}" if self.lora else "all weights"


@dataclass(frozen=True)
class FineTuneFolders:
    """The folders of the model `name`: run and report in `run`, the result in `model`."""

    name: str

    @property
    def run(self) -> Path:
        return work_folder() / "runs" / self.name

    @property
    def model(self) -> Path:
        return models_folder() / self.name

    @property
    def note(self) -> Path:
        return self.run / "fine-tuning.json"

    @property
    def adapter(self) -> Path:
        return models_folder() / "loras" / self.name

    @property
    def shards(self) -> Path:
        return self.run / "shards"

    @property
    def report(self) -> Path:
        return self.run / "report"

    def begin(self, begun: FineTuneSettings) -> None:
        """Note what is begun, or see that it is what was begun here before.

        Raises: InputError for a name that cannot be used, or is used by something else.
        """
        if not NAME.fullmatch(self.name):
            raise InputError(
                "name", self.name, "use 1 to 64 letters, digits, dots, dashes or underscores"
            )
        if self.name in variants.VARIANTS:
            raise InputError(
                "name", self.name, "is a variant of the studio's; name yours with --as"
            )
        note = self.note
        if note.is_file():
            before = FineTuneSettings.read(note)
            if before != begun:
                raise InputError(
                    "name",
                    self.name,
                    f"was begun from {before.base} on "
                    f"{before.corpus} ({before.kind}); name another model with --as",
                )
            return
        for folder in (self.run, self.model):
            if folder.exists():
                raise InputError(
                    "name", self.name, f"{folder} exists already; name another model with --as"
                )
        self.run.mkdir(parents=True)
        write_atomic(note, json.dumps(asdict(begun), indent=1))


def corpus_of(name: str) -> Path:
    """The prepared folder of this name in the work folder, or this folder.

    Raises: InputError for neither.
    """
    for folder in (work_folder() / name, Path(name)):
        if (folder / "corpus.csv").is_file():
            return folder.resolve()
    raise InputError(
        "prepared folder",
        name,
        "is neither in the work folder nor a path; make it "
        "with python -m trainers prepare FOLDER --name NAME",
    )
