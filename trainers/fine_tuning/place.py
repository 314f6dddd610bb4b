"""Where a fine-tuning keeps what, and what it was begun with."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass
from pathlib import Path

from core import variants
from core.errors import InputError
from core.workspace import models_folder, work_folder

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


@dataclass(frozen=True)
class Begun:
    """What a fine-tuning goes on with.

    Attributes:
        corpus: the prepared folder.
        base: variant or model folder whose weights it begins with.
        lora: whether narrow matrices are taught instead of the weights.
    """

    corpus: str
    base: str
    lora: bool


@dataclass(frozen=True)
class Place:
    """The folders of the model `name`: run and report in `run`, the result in `model`."""

    name: str

    @property
    def run(self) -> Path:
        return work_folder() / "runs" / self.name

    @property
    def model(self) -> Path:
        return models_folder() / self.name

    @property
    def shards(self) -> Path:
        return self.run / "shards"

    @property
    def report(self) -> Path:
        return self.run / "report"

    def begin(self, begun: Begun) -> None:
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
        note = self.run / "fine-tuning.json"
        if note.is_file():
            before = Begun(**json.loads(note.read_text(encoding="utf-8")))
            if before != begun:
                kind = "LoRA" if before.lora else "full"
                raise InputError(
                    "name",
                    self.name,
                    f"was begun from {before.base} on "
                    f"{before.corpus} ({kind}); name another model with --as",
                )
            return
        for folder in (self.run, self.model):
            if folder.exists():
                raise InputError(
                    "name", self.name, f"{folder} exists already; name another model with --as"
                )
        self.run.mkdir(parents=True)
        fresh = note.with_suffix(".part")
        fresh.write_text(json.dumps(asdict(begun), indent=1), encoding="utf-8")
        os.replace(fresh, note)


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
