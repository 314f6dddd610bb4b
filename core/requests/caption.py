"""The text that a model is sent: the prompt, and the request's facts in the model's own words.

A model learns tempo, key and the like from its captions, so each model folder may bring the
words it was trained on in `caption.json` (see CaptionTemplate); without it they are written in
plain English sentences, as most captioned collections have them.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from core import variants
from core.checkpoints.contents import OFFICIAL, layout_of, read_config
from core.errors import InputError
from core.requests.request import FIELDS, GenerationRequest

FILE = "caption.json"


@dataclass(frozen=True)
class CaptionTemplate:
    """How a model's captions say what a request's fields hold.

    Attributes:
        separator: between the prompt and each fact; `end` closes a text that has facts.
        tempo, key, meter, instruments: with {} for the value.
        meters: words of a time signature, where `meter` does not serve ("" says nothing);
            where this is not empty, a time signature it does not list is refused.
        joined, last: between instruments, and before the last one.
        drums, no_drums: the two answers.
    """

    separator: str = ". "
    end: str = "."
    tempo: str = "The tempo is {} bpm"
    key: str = "The key is {}"
    meter: str = "The time signature is {}"
    meters: Mapping[str, str] = field(default_factory=dict)
    instruments: str = "It is played on {}"
    joined: str = ", "
    last: str = " and "
    drums: str = "There are drums"
    no_drums: str = "There are no drums"

    def write(self, request: GenerationRequest) -> str:
        """The text for the model. A request without facts is its prompt, unchanged.

        Raises: InputError for a time signature that the model was not trained on, or a text
            that becomes too long.
        """
        facts = [fact for fact in self._facts(request) if fact]
        if not facts:
            return request.prompt
        parts = [part.rstrip(". ,") for part in (request.prompt, *facts)]
        text = self.separator.join(part for part in parts if part) + self.end
        longest = FIELDS["prompt"].longest
        if len(text) > longest:
            raise InputError(
                "prompt", f"of {len(text)} characters with its fields", f"at most {longest} fit"
            )
        return text

    def _facts(self, request: GenerationRequest) -> list[str]:
        facts = []
        if request.tempo is not None:
            facts.append(self.tempo.format(f"{request.tempo:g}"))
        if request.key is not None:
            facts.append(self.key.format(request.key))
        if request.meter is not None:
            facts.append(self._meter(request.meter))
        if request.instruments:
            *most, final = request.instruments
            names = self.joined.join(most) + (self.last if most else "") + final
            facts.append(self.instruments.format(names))
        if request.drums is not None:
            facts.append(self.drums if request.drums else self.no_drums)
        return facts

    def _meter(self, meter: str) -> str:
        if self.meters and meter not in self.meters:
            known = ", ".join(self.meters)
            raise InputError("meter", meter, f"this model was trained on {known} only")
        return self.meters.get(meter, self.meter.format(meter))

    @classmethod
    def of_folder(cls, folder: Path) -> CaptionTemplate:
        """A model folder's template; of a fine-tuned model without one, that of its base.

        Raises: InputError for a file that is no template.
        """
        path = folder / FILE
        if path.is_file():
            return cls._read(path)
        base = _base(folder)
        return cls.of_folder(base) if base is not None and base != folder else cls()

    @classmethod
    def _read(cls, path: Path) -> CaptionTemplate:
        kinds = {f.name: dict if f.name == "meters" else str for f in fields(cls)}
        try:
            stored: Any = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise InputError("caption template", path, f"cannot be read ({error})") from error
        if not isinstance(stored, dict):
            raise InputError("caption template", path, "must be a JSON object")
        for name, value in stored.items():
            if name not in kinds or not isinstance(value, kinds[name]):
                known = ", ".join(kinds)
                raise InputError("caption template", f"{path}:{name}", f"fits none of {known}")
        return cls(**stored)


def sent_text(request: GenerationRequest) -> str:
    """The text that the request's model is sent, for showing it beforehand. Imports no torch.

    Raises: InputError as `CaptionTemplate.write` does, and for an unknown variant.
    """
    folder = variants.local_folder(variants.get(request.variant))
    template = CaptionTemplate.of_folder(folder) if folder is not None else CaptionTemplate()
    return template.write(request)


def notes(request: GenerationRequest) -> tuple[str, ...]:
    """What a person should know of a request that is not wrong: a sentence each."""
    found = []
    for name in ("prompt", "negative", "instruments"):
        text = "".join(getattr(request, name))
        foreign = next((c for c in text if c.isalpha() and not _is_latin(c)), None)
        if foreign is not None:
            script = unicodedata.name(foreign, "an unknown script").split()[0].capitalize()
            found.append(
                f"{FIELDS[name].label} holds {script} letters; the models were trained on English "
                "captions and may not understand it"
            )
    return tuple(found)


def _is_latin(letter: str) -> bool:
    return unicodedata.name(letter, "").startswith("LATIN")


def _base(folder: Path) -> Path | None:
    """The folder of the shipped or released model that an own one was trained from."""
    try:
        if layout_of(folder) == OFFICIAL:
            return None
        about = read_config(folder).get("about")
    except InputError:
        return None
    base = about.get("base") if isinstance(about, dict) else None
    known = variants.VARIANTS.get(base) if isinstance(base, str) else None
    return variants.local_folder(known) if known is not None else None
