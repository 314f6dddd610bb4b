"""How a field of a request is declared: its kind, range, default, help and where it shows.

The declarations stand in `core.requests.request.GenerationRequest`, one a field. The command line,
the named endpoints, the page's form and the benchmark are built from them, and each reads what a
person gave with `RequestField.parse`, so a value means the same wherever it is written.
"""

from __future__ import annotations

import dataclasses
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from core.errors import InputError
from core.requests.parts import AudioPrompt, Edit, Section, is_number, parse_sections

# Where a field shows: the first two stand open on the page, the next two under More, "machine"
# only on the command line and in files, "given" is what the command or tab itself supplies.
PLACES = ("describe", "music", "structure", "sampling", "machine", "given")
KINDS = ("text", "number", "whole", "choice", "flag", "words")  # and parts of a request:
PARTS = ("variant", "sections", "audio", "edit")
MAX_WORDS = 12
YES, NO = ("yes", "true", "on", "1"), ("no", "false", "off", "0")


@dataclass(frozen=True)
class RequestField:
    """One field of a request.

    Attributes:
        kind: of KINDS. "words" are texts separated by commas, "flag" is yes or no.
        help: one sentence, also for people who are new to it.
        label: on the page.
        place: of PLACES.
        low, high: of numbers, both included; `unit` stands behind them in messages.
        longest: characters of a text.
        choices: the values of a choice.
        spellings: (other spelling, choice) of a choice.
        optional: None is a value of its own (what help says of it).
        name, default: filled in from the dataclass.
    """

    kind: str
    help: str
    label: str
    place: str
    low: float = -math.inf
    high: float = math.inf
    unit: str = ""
    longest: int = 200
    choices: tuple[str, ...] = ()
    spellings: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    name: str = ""
    default: Any = None

    @property
    def title(self) -> str:
        """The name in messages and on the command line: `top-k`."""
        return self.name.replace("_", "-")

    @property
    def option(self) -> str:
        """The command line's option: `--top-k`."""
        return f"--{self.title}"

    def parse(self, value: Any) -> Any:
        """What was typed, chosen or sent -> the value that a request holds.

        Text is read by the field's kind; empty text and None are the default. Whole numbers may
        come as 350.0, as sliders and JSON give them. Text is never cut, only stripped.

        Raises: InputError naming the field.
        """
        if isinstance(value, str) and self.kind not in ("text", "words", "sections"):
            value = value.strip()
        if value is None or (isinstance(value, str) and not value.strip()):
            return self.default
        value = getattr(self, f"_parse_{self.kind}", lambda given: given)(value)
        self.check(value)
        return value

    def check(self, value: Any) -> None:
        """Raises: InputError when a request may not hold this value."""
        if value is None and self.optional:
            return
        check = getattr(self, f"_check_{self.kind}", None)
        if check is not None:
            check(value)

    def _parse_text(self, value: Any) -> Any:
        return value.strip() if isinstance(value, str) else value

    _parse_variant = _parse_text

    def _parse_number(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return float(value)
        except ValueError as error:
            raise self._wrong(value, self._range()) from error

    def _parse_whole(self, value: Any) -> Any:
        if isinstance(value, float) and value.is_integer():
            return int(value)
        if not isinstance(value, str):
            return value
        text = value.removesuffix(".0")
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdecimal() and len(digits) < 40):
            raise self._wrong(value, f"must be a whole number from {self.low} to {self.high}")
        return int(text)

    def _parse_choice(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        known = {choice.lower(): choice for choice in self.choices}
        known |= {spelling.lower(): choice for spelling, choice in self.spellings}
        return known.get(value.lower(), value)

    def _parse_flag(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        word = value.lower()
        if word not in YES + NO:
            raise self._wrong(value, "must be yes or no")
        return word in YES

    def _parse_words(self, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        if not isinstance(parts, Sequence) or not all(isinstance(p, str) for p in parts):
            raise self._wrong(value, "must be words separated by commas")
        return tuple(p.strip() for p in parts if p.strip())

    def _parse_sections(self, value: Any) -> Any:
        if isinstance(value, str):
            return parse_sections(value)
        if not isinstance(value, Sequence):
            raise self._wrong(value, "must be a plan of sections")
        return tuple(self._record(part, Section) for part in value)

    def _parse_audio(self, value: Any) -> Any:
        return self._record(value, AudioPrompt)

    def _parse_edit(self, value: Any) -> Any:
        return self._record(value, Edit)

    def _record(self, value: Any, kind: type) -> Any:
        """A part of a request, from itself or from plain data."""
        if isinstance(value, kind):
            return value
        try:
            return kind(**value)
        except TypeError as error:
            raise self._wrong(value, f"does not fit ({error})") from error

    def _check_text(self, value: Any) -> None:
        if not isinstance(value, str):
            raise self._wrong(value, "must be text")
        if len(value) > self.longest:
            raise self._wrong(f"of {len(value)} characters", f"is too long; at most {self.longest}")
        # The tokenizer writes out what stands for several letters: U+FDFA is 18 of them.
        written = len(unicodedata.normalize("NFKC", value))
        if written > self.longest:
            raise self._wrong(
                f"of {len(value)} characters, {written} when written out",
                f"is too long; at most {self.longest}",
            )
        if any("\ud800" <= c <= "\udfff" for c in value):
            raise self._wrong(
                ascii(value)[:60], "holds half a character (a lone surrogate); type it anew"
            )

    _check_variant = _check_text

    def _check_number(self, value: Any) -> None:
        if not (is_number(value) and self.low <= value <= self.high):
            raise self._wrong(value, self._range())

    def _check_whole(self, value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool):
            raise self._wrong(value, "must be a whole number")
        if not self.low <= value <= self.high:
            raise self._wrong(value, self._range())

    def _check_choice(self, value: Any) -> None:
        if value not in self.choices:
            raise self._wrong(value, "must be one of " + ", ".join(self.choices))

    def _check_flag(self, value: Any) -> None:
        if not isinstance(value, bool):
            raise self._wrong(value, "must be yes or no")

    def _check_words(self, value: Any) -> None:
        if not isinstance(value, tuple):
            raise self._wrong(value, "must be words separated by commas")
        if len(value) > MAX_WORDS:
            raise self._wrong(f"of {len(value)} words", f"are too many; at most {MAX_WORDS}")
        for word in value:
            self._check_text(word)

    def _range(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        low, high = (f"{v:g}" if isinstance(v, float) else str(v) for v in (self.low, self.high))
        return f"must be from {low} to {high}{unit}"

    def _wrong(self, value: Any, hint: str) -> InputError:
        return InputError(self.title, value if value != "" else "(empty)", hint)


def declared(default: Any, kind: str, help: str, label: str, place: str, **more: Any) -> Any:
    """A dataclass field with its declaration; see RequestField."""
    spec = RequestField(kind, help, label, place, default=default, **more)
    return dataclasses.field(default=default, metadata={"declared": spec})


def fields_of(cls: type) -> dict[str, RequestField]:
    """Name -> declaration of every field of a dataclass, in order."""
    return {
        f.name: dataclasses.replace(f.metadata["declared"], name=f.name)
        for f in dataclasses.fields(cls)
    }
