"""What a person asks for: one frozen request for the page, the command line, the API and the bench.

A request is checked when it is made, and its seed is resolved then, so what sounded once can
be made again from the request alone.
"""

from __future__ import annotations

import math
import re
import secrets
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from core import variants
from core.errors import InputError

MAX_SECONDS = 480.0  # paper section 3.4: up to 8 minutes
MAX_PROMPT_CHARACTERS = 2000
MIN_PROMPT_AUDIO_SECONDS = 1.0
STRUCTURES = ("intro", "verse", "chorus", "outro")
PRESETS = ("draft", "standard", "best")
DTYPES = ("fp32", "bf16", "int8")
MAX_SEED = 2**63 - 1
SECTION = re.compile(r"(\w+)\s*:\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)")


@dataclass(frozen=True)
class Section:
    """One part of a piece: its structure from `start` to `end`, in seconds."""

    structure: str
    start: float
    end: float


@dataclass(frozen=True)
class AudioPrompt:
    """The sound to continue: a file's span [start, end) in seconds (end None: to its end).

    `only_new` leaves the prompt out of the result.
    """

    path: str
    start: float = 0.0
    end: float | None = None
    only_new: bool = False


@dataclass(frozen=True)
class GenerationRequest:
    """Everything that decides how a piece sounds.

    Attributes:
        prompt: description of the music; may be empty only when `audio` is given.
        seconds: length of NEW music, exact.
        variant: a name of core.variants, or a model folder; None takes the first installed nano,
            which the request then holds.
        min_seconds: allow a natural end after this many seconds; None: exactly `seconds`.
        seed: 0 to 2**63 - 1; None draws one, which the request then holds.
        sections: the plan of the NEW music from 0 to `seconds`; empty: the variant's default.
        preset: SRFM quality (draft, standard, best); `steps` overrides its number of ODE steps.
        guidance: classifier-free guidance of the language model (paper section 3.2: 3.0).
        top_k, top_p, temperature: sampling of tokens (paper section 3.2: top-k 350).
        dtype: fp32, bf16 or int8 weights of the language model; under fewer bits the flow may
            compute in bf16 (see `core.pipeline.flow_dtype`).
        device: a torch device.
        compat: "official" reproduces the released code's choices, None is ours.
        audio: the sound to continue, or None for text to music.
    """

    prompt: str
    seconds: float
    variant: str | None = None
    min_seconds: float | None = None
    seed: int | None = None
    sections: tuple[Section, ...] = ()
    preset: str = "standard"
    steps: int | None = None
    guidance: float = 3.0
    top_k: int = 350
    top_p: float = 1.0
    temperature: float = 1.0
    dtype: str = "fp32"
    device: str = "cpu"
    compat: str | None = None
    audio: AudioPrompt | None = field(default=None)

    def __post_init__(self) -> None:
        if self.variant is None:
            object.__setattr__(self, "variant", variants.default())
        if self.seed is None:
            object.__setattr__(self, "seed", secrets.randbelow(2**31))
        object.__setattr__(self, "prompt", str(self.prompt).strip())
        object.__setattr__(self, "sections", tuple(self.sections))
        self._check_prompt()
        self._check_numbers()
        self._check_sections()

    def _check_prompt(self) -> None:
        if not self.prompt and self.audio is None:
            raise InputError(
                "prompt",
                "(empty)",
                "describe the music, for example 'calm solo piano, slow, minor key'",
            )
        if len(self.prompt) > MAX_PROMPT_CHARACTERS:
            raise InputError(
                "prompt",
                f"of {len(self.prompt)} characters",
                f"is too long; at most {MAX_PROMPT_CHARACTERS}",
            )

    def _check_numbers(self) -> None:
        _within("seconds", self.seconds, 0.1, MAX_SECONDS, "s")
        if self.min_seconds is not None:
            _within("min-seconds", self.min_seconds, 0.0, self.seconds, "s")
        if not (isinstance(self.seed, int) and 0 <= self.seed <= MAX_SEED):
            raise InputError("seed", self.seed, f"must be a whole number from 0 to {MAX_SEED}")
        _choice("preset", self.preset, PRESETS)
        _choice("dtype", self.dtype, DTYPES)
        _choice("compat", self.compat, (None, "official"))
        if self.steps is not None:
            _within("steps", self.steps, 1, 1000, "")
            if not isinstance(self.steps, int):
                raise InputError("steps", self.steps, "must be a whole number")
        _within("guidance", self.guidance, -1.0, 20.0, "")
        _within("top-k", self.top_k, 1, 100_000, "")
        _within("top-p", self.top_p, 0.01, 1.0, "")
        _within("temperature", self.temperature, 0.0, 5.0, "")

    def _check_sections(self) -> None:
        before = 0.0
        for section in self.sections:
            _choice("section", section.structure, STRUCTURES)
            shown = f"{section.structure}:{section.start:g}-{section.end:g}"
            if not (
                math.isfinite(section.start)
                and math.isfinite(section.end)
                and section.end > section.start >= 0
            ):
                raise InputError("section", shown, "needs a start before its end, both from 0 on")
            if abs(section.start - before) > 1e-6:
                raise InputError(
                    "section", shown, f"must start where the one before ended ({before:g} s)"
                )
            before = section.end
        if self.sections and self.seconds - before > 1e-6:
            raise InputError(
                "sections",
                f"end at {before:g} s",
                f"must reach the end of the new music at {self.seconds:g} s",
            )

    def with_seed(self, seed: int) -> GenerationRequest:
        """The same request with another seed."""
        return replace(self, seed=seed)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` gives the equal request back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> GenerationRequest:
        """Raises: InputError for unknown fields or values that do not fit."""
        known = set(cls.__dataclass_fields__)
        for name in data:
            if name not in known:
                raise InputError(
                    "request field", name, "is unknown; known are " + ", ".join(sorted(known))
                )
        data = dict(data)
        try:
            data["sections"] = tuple(Section(**s) for s in data.get("sections") or ())
            if data.get("audio"):
                data["audio"] = AudioPrompt(**data["audio"])
            return cls(**data)
        except TypeError as error:
            raise InputError("request", "", f"does not fit ({error})") from error


def _within(name: str, value: Any, low: float, high: float, unit: str) -> None:
    good = isinstance(value, int | float) and math.isfinite(value) and low <= value <= high
    if not good:
        space = " " if unit else ""
        raise InputError(name, value, f"must be from {low:g} to {high:g}{space}{unit}")


def _choice(name: str, value: Any, allowed: tuple) -> None:
    if value not in allowed:
        raise InputError(name, value, "must be one of " + ", ".join(map(str, allowed)))


def parse_sections(text: str) -> tuple[Section, ...]:
    """`"intro:0-10, verse:10-30"`, or one section a line; empty text is no plan.

    Raises: InputError naming the part that cannot be read.
    """
    sections = []
    for part in filter(str.strip, re.split(r"[,\n]", text)):
        found = SECTION.fullmatch(part.strip())
        if found is None:
            raise InputError(
                "section",
                part.strip(),
                "should look like 'verse:10-30', with " + ", ".join(STRUCTURES),
            )
        structure, start, end = found.groups()
        sections.append(Section(structure, float(start), float(end)))
    return tuple(sections)
