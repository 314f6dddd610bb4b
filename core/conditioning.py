"""Text, structure and time -> what the language model is conditioned on."""

from __future__ import annotations

from dataclasses import dataclass

from core.language_model import OFFICIAL_INFERENCE_STRUCTURES, STRUCTURES
from core.request import GenerationRequest, Section
from core.text_tokenizer import TextTokenizer

__all__ = ["Conditioning", "TextTokenizer", "conditioning"]


@dataclass(frozen=True)
class Conditioning:
    """What stands before the audio tokens.

    Attributes:
        text_ids: ids of the prompt (may be empty for continuation).
        sections: (structure id, start s, end s), one triple a section.
    """

    text_ids: tuple[int, ...]
    sections: tuple[tuple[int, float, float], ...]


def conditioning(
    request: GenerationRequest,
    tokenizer: TextTokenizer,
    default_structure: str,
    prompt_seconds: float,
) -> Conditioning:
    """Ids and section triples of a request; times count from the start of the audio prompt.

    With an audio prompt the first section is the prompt itself, in the structure of what follows,
    so that the plan still covers every token. The released code gives the plan's own times,
    prompt or not.
    """
    ids = STRUCTURES if request.compat is None else OFFICIAL_INFERENCE_STRUCTURES
    plan = request.sections or (Section(default_structure, 0.0, request.seconds),)
    before = prompt_seconds if request.compat is None else 0.0
    sections = [(ids[s.structure], s.start + before, s.end + before) for s in plan]
    if before > 0:
        structure, _, end = sections[0]
        sections[0] = (structure, 0.0, end)
    return Conditioning(tokenizer.encode(request.prompt), tuple(sections))
