"""Text, structure and time -> what the language model is conditioned on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from core.errors import InputError
from core.language_model import OFFICIAL_INFERENCE_STRUCTURES, STRUCTURES
from core.request import GenerationRequest, Section

class TextTokenizer:
    """Text -> ids, from a tokenizer.json.

    Attributes:
        source: where it comes from, for results and cards.
    """

    def __init__(self, tokenizer: Tokenizer, source: str) -> None:
        self._tokenizer, self.source = tokenizer, source

    @classmethod
    def from_folder(cls, folder: Path) -> TextTokenizer:
        """Raises: InputError when the folder's tokenizer.json is missing or broken."""
        path = folder / "tokenizer.json"
        if not path.is_file():
            raise InputError("text tokenizer", path.name, f"is missing in {folder.name}")
        try:
            return cls(Tokenizer.from_file(str(path)), "tokenizer.json")
        except Exception as error:  # tokenizers raises bare Exception for a broken file
            raise InputError("text tokenizer", path.name, f"cannot be read ({error})") from error

    @property
    def size(self) -> int:
        """Number of ids."""
        return self._tokenizer.get_vocab_size()

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of a text, no special tokens added."""
        return tuple(self._tokenizer.encode(text, add_special_tokens=False).ids)


@dataclass(frozen=True)
class Conditioning:
    """What stands before the audio tokens.

    Attributes:
        text_ids: ids of the prompt (may be empty for continuation).
        sections: (structure id, start s, end s), one triple a section.
    """

    text_ids: tuple[int, ...]
    sections: tuple[tuple[int, float, float], ...]


def conditioning(request: GenerationRequest, tokenizer: TextTokenizer, default_structure: str,
                 prompt_seconds: float) -> Conditioning:
    """Ids and section triples of a request; times count from the start of the audio prompt.

    With an audio prompt the first section is the prompt itself, in the structure of what follows,
    so that the plan still covers every token.
    """
    ids = STRUCTURES if request.compat is None else OFFICIAL_INFERENCE_STRUCTURES
    plan = request.sections or (Section(default_structure, 0.0, request.seconds),)
    sections = [(ids[s.structure], s.start + prompt_seconds, s.end + prompt_seconds) for s in plan]
    if prompt_seconds > 0:
        structure, _, end = sections[0]
        sections[0] = (structure, 0.0, end)
    return Conditioning(tokenizer.encode(request.prompt), tuple(sections))
