"""What a person asks for: one frozen request for the page, the command line, the API and the bench.

A request is checked when it is made, and its seed is resolved then, so what sounded once can
be made again from the request alone. Every field is declared once, in `GenerationRequest`;
`FIELDS` holds the declarations.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from core import variants
from core.errors import InputError
from core.requests.adherence import Asked, asked
from core.requests.checks import check_together
from core.requests.fields import RequestField, declared, fields_of
from core.requests.parts import MAX_SECONDS, AudioPrompt, Edit, Section, check_plan
from core.requests.parts import STRUCTURES as STRUCTURES
from core.requests.parts import parse_sections as parse_sections

MAX_PROMPT_CHARACTERS = 2000
MIN_PROMPT_AUDIO_SECONDS = 1.0
CHOOSE_BY = ("likelihood", "adherence")
PRESETS = ("draft", "standard", "best")
DTYPES = ("fp32", "bf16", "int8")
TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
KEYS = tuple(f"{tonic} {mode}" for mode in ("major", "minor") for tonic in TONICS)
KEY_SPELLINGS = tuple(
    (f"{other} {mode}", f"{tonic} {mode}")
    for mode in ("major", "minor")
    for other, tonic in (("Db", "C#"), ("D#", "Eb"), ("Gb", "F#"), ("G#", "Ab"), ("A#", "Bb"))
)
METERS = ("2/4", "3/4", "4/4", "5/4", "6/8", "7/8", "12/8")
MAX_SEED = 2**63 - 1
MAX_BEST_OF = 16
EDIT_CANDIDATES = 8  # drawn for a span where the request does not say how many


@dataclass(frozen=True)
class GenerationRequest:
    """Everything that decides how a piece sounds.

    The help of a field that may be empty (None) says what that means. `variant`, `seed`,
    `best_of` and, for an edit, `seconds` are resolved when the request is made, which then holds
    them.

    Raises: InputError naming the first field that does not fit.
    """

    prompt: str = declared(
        "",
        "text",
        "what the music should be like; may be empty only where audio is given",
        "Describe the music",
        "describe",
        longest=MAX_PROMPT_CHARACTERS,
    )
    seconds: float = declared(
        None,
        "number",
        "exact length of the NEW music, in seconds",
        "Length",
        "describe",
        low=0.1,
        high=MAX_SECONDS,
        unit="s",
    )
    variant: str = declared(
        None,
        "variant",
        "model: a name that `variants` lists, or a model folder; empty: nano",
        "Model",
        "structure",
        longest=4096,
    )
    lora: tuple[str, ...] = declared(
        (),
        "words",
        "adapters beside the model, NAME:STRENGTH with commas, from 0 (as if it were not there) to "
        "1 (as trained) and beyond",
        "Adapters (LoRA)",
        "structure",
        longest=4096,
    )
    min_seconds: float | None = declared(
        None,
        "number",
        "allow a natural end after so many seconds; empty: exactly the length asked for",
        "Shortest length",
        "sampling",
        low=0.0,
        high=MAX_SECONDS,
        unit="s",
        optional=True,
    )
    seed: int = declared(
        None,
        "whole",
        "the same seed and request make the same music; empty: a new one",
        "Seed",
        "structure",
        low=0,
        high=MAX_SEED,
    )
    sections: tuple[Section, ...] = declared(
        (),
        "sections",
        "plan of the NEW music, for example 'intro:0-10,verse:10-30'; empty: the model's own",
        "Sections",
        "structure",
    )
    preset: str = declared(
        "standard",
        "choice",
        "quality of the flow matching: how many steps it takes",
        "Sound quality",
        "sampling",
        choices=PRESETS,
    )
    steps: int | None = declared(
        None,
        "whole",
        "steps of the flow matching; empty: as the preset says",
        "Steps",
        "sampling",
        low=1,
        high=1000,
        optional=True,
    )
    guidance: float = declared(
        3.0,
        "number",
        "classifier-free guidance: how closely the text is followed (paper section 3.2: 3)",
        "Guidance",
        "sampling",
        low=-1.0,
        high=20.0,
    )
    top_k: int = declared(
        350,
        "whole",
        "how many tokens may be chosen from (paper section 3.2: 350)",
        "Top-k",
        "sampling",
        low=1,
        high=100_000,
    )
    top_p: float = declared(
        1.0,
        "number",
        "choose among the likeliest tokens that reach this probability together; 1: all",
        "Top-p",
        "sampling",
        low=0.01,
        high=1.0,
    )
    temperature: float = declared(
        1.0,
        "number",
        "how freely tokens are drawn; 0 always takes the likeliest",
        "Temperature",
        "sampling",
        low=0.0,
        high=5.0,
    )
    dtype: str = declared(
        "fp32",
        "choice",
        "weights of the language model; under fewer bits the flow may compute in bf16",
        "Precision",
        "machine",
        choices=DTYPES,
    )
    device: str = declared("cpu", "text", "a torch device", "Device", "machine")
    compat: str | None = declared(
        None,
        "choice",
        "'official' reproduces the released code's choices; empty: this project's",
        "Compatibility",
        "machine",
        choices=("official",),
        optional=True,
    )
    audio: AudioPrompt | None = declared(
        None, "audio", "the sound to continue or edit", "Audio", "given", optional=True
    )
    negative: str = declared(
        "",
        "text",
        "what the music should not be like; stands in for the empty text in guidance",
        "Negative prompt",
        "music",
        longest=MAX_PROMPT_CHARACTERS,
    )
    tempo: float | None = declared(
        None,
        "number",
        "beats per minute, added to the prompt in the model's own words",
        "Tempo",
        "music",
        low=30.0,
        high=300.0,
        unit="bpm",
        optional=True,
    )
    key: str | None = declared(
        None,
        "choice",
        "for example 'D minor', added to the prompt in the model's own words",
        "Key",
        "music",
        choices=KEYS,
        spellings=KEY_SPELLINGS,
        optional=True,
    )
    meter: str | None = declared(
        None,
        "choice",
        "time signature, added to the prompt in the model's own words",
        "Meter",
        "music",
        choices=METERS,
        optional=True,
    )
    instruments: tuple[str, ...] = declared(
        (),
        "words",
        "separated by commas, added to the prompt in the model's own words",
        "Instruments",
        "music",
        longest=60,
    )
    drums: bool | None = declared(
        None,
        "flag",
        "yes or no, added to the prompt in the model's own words; empty: not said",
        "Drums",
        "music",
        optional=True,
    )
    best_of: int = declared(
        None,
        "whole",
        "make so many and keep the best, see choose-by; empty: 1, and "
        f"{EDIT_CANDIDATES} for a span that is redone",
        "Best of",
        "sampling",
        low=1,
        high=MAX_BEST_OF,
    )
    keep: int = declared(
        1, "whole", "how many of them to keep", "Keep", "sampling", low=1, high=MAX_BEST_OF
    )
    choose_by: str = declared(
        "likelihood",
        "choice",
        "which are best: those that the language model finds likeliest, or those in which the "
        "tempo, key, style and drums asked for are heard best",
        "Choose by",
        "sampling",
        choices=CHOOSE_BY,
    )
    edit: Edit | None = declared(
        None, "edit", "what is made anew in the audio", "Edit", "given", optional=True
    )

    def __post_init__(self) -> None:
        resolved: dict[str, Any] = {
            name: spec.parse(getattr(self, name))
            for name, spec in FIELDS.items()
            if getattr(self, name) is not None
        }
        resolved["prompt"] = resolved.get("prompt", "")
        if self.variant is None:
            resolved["variant"] = variants.default()
        if self.seed is None:
            resolved["seed"] = secrets.randbelow(2**31)
        spans = self.edit is not None and self.edit.kind in ("redo", "loop")
        if self.best_of is None:
            resolved["best_of"] = EDIT_CANDIDATES if spans else 1
        for name, value in resolved.items():
            object.__setattr__(self, name, value)
        if self.edit is not None:
            self._resolve_edit(self.edit)
        for name, spec in FIELDS.items():
            spec.check(getattr(self, name))
        check_together(self)
        check_plan(self.sections, self.seconds)

    def _resolve_edit(self, edit: Edit) -> None:
        made = edit.seconds(self.tempo, self.meter)
        if made is None:
            return
        if self.seconds is not None and abs(self.seconds - made) > 1e-6:
            raise InputError(
                "seconds", self.seconds, f"but the edit makes {made:g} s; leave seconds out"
            )
        object.__setattr__(self, "seconds", made)

    @property
    def asked(self) -> Asked:
        """What of the request can be heard in its music."""
        return asked(self.prompt, self.tempo, self.key, self.drums, self.instruments)

    @property
    def describes_music(self) -> bool:
        """Whether a field adds words to the prompt."""
        facts = (self.tempo, self.key, self.meter, self.drums)
        return bool(self.instruments) or any(fact is not None for fact in facts)

    @property
    def goes_alone(self) -> bool:
        """Whether it takes several decodings, so that it joins no batch of others."""
        return self.edit is not None or self.best_of > 1

    def with_seed(self, seed: int) -> GenerationRequest:
        """The same request with another seed."""
        return replace(self, seed=seed)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON; `from_dict` gives the equal request back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GenerationRequest:
        """A request from field names and values, typed (JSON) or typed in (text).

        Empty text and None take the field's default. Sections may be text or a list of records,
        audio and edit records.

        Raises: InputError for unknown fields or values that do not fit.
        """
        for name in data:
            if name not in FIELDS:
                raise InputError(
                    "request field", name, "is unknown; known are " + ", ".join(sorted(FIELDS))
                )
        return cls(**{name: FIELDS[name].parse(value) for name, value in data.items()})


FIELDS: dict[str, RequestField] = fields_of(GenerationRequest)
