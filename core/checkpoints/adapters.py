"""LoRA adapters by name and strength. Imports no torch: `core.checkpoints.lora` adds them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core.errors import InputError
from core.workspace import models_folder

CONFIG, FOLDER = "adapter_config.json", "loras"
STRONGEST = 4.0
_UNSUPPORTED = ("use_dora", "fan_in_fan_out")


@dataclass(frozen=True)
class Lora:
    """An adapter's folder and how strongly it is added: 0 leaves the base as it is, 1 is what was
    trained."""

    folder: Path
    strength: float = 1.0

    @property
    def told(self) -> str:
        """NAME:STRENGTH."""
        return f"{self.folder.name}:{self.strength:g}"

    @classmethod
    def parse(cls, text: str) -> Lora:
        """NAME, NAME:STRENGTH or FOLDER:STRENGTH; names are those in `loras` of the models folder.

        Raises: InputError for a strength that is no number or too large, or no such adapter.
        """
        name, strength = split(text)
        for folder in (models_folder() / FOLDER / name, Path(name)):
            if name and (folder / CONFIG).is_file():
                return cls(folder, strength)
        raise unknown(name)


def split(text: str) -> tuple[str, float]:
    """ "warm:0.7" -> ("warm", 0.7); "warm" -> ("warm", 1.0).

    Raises: InputError for a strength that is no number or too large.
    """
    name, colon, given = text.rpartition(":")
    if not colon:
        name, given = text, "1"
    try:
        strength = float(given)
    except ValueError:
        raise InputError("lora", text, "give NAME:STRENGTH, as warm:0.7") from None
    if not abs(strength) <= STRONGEST:
        raise InputError("lora", text, f"give a strength from {-STRONGEST:g} to {STRONGEST:g}")
    return name.strip(), strength


def unknown(name: str) -> InputError:
    """The error for an adapter that is not there."""
    known = ", ".join(names()) or "none"
    return InputError("lora", name or "(empty)", f"is no adapter here; there are {known}")


def loras_of(texts: Sequence[str]) -> list[Lora]:
    """The adapters of a request's `lora`.

    Raises: InputError as `Lora.parse` does, and for one that is named twice.
    """
    found = [Lora.parse(text) for text in texts]
    folders = [lora.folder.resolve() for lora in found]
    for lora, folder in zip(found, folders):
        if folders.count(folder) > 1:
            raise InputError("lora", lora.folder.name, "is named twice")
    return found


def names() -> list[str]:
    """The adapters in the models folder."""
    return sorted(path.parent.name for path in (models_folder() / FOLDER).glob(f"*/{CONFIG}"))


def base_of(folder: Path) -> str:
    """The model that an adapter was trained beside, as it says itself."""
    return str(settings_of(folder).get("base_model_name_or_path") or "")


def settings_of(folder: Path) -> dict:
    """What adapter_config.json says.

    Raises: InputError when it cannot be read, or is of another kind than plain LoRA.
    """
    try:
        found = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        if found["peft_type"] != "LORA" or any(found.get(name) for name in _UNSUPPORTED):
            raise ValueError("only plain LoRA is read")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("lora", folder.name, f"its {CONFIG} cannot be used ({error})") from error
    return found
