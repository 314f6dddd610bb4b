"""Text, structure and time -> what the language model is conditioned on."""

from __future__ import annotations

from dataclasses import dataclass

from core.errors import InputError
from core.language_model import OFFICIAL_INFERENCE_STRUCTURES, STRUCTURES
from core.requests.request import GenerationRequest, Section
from core.text_tokenizer import TextTokenizer

__all__ = ["Conditioning", "TextTokenizer", "conditioning", "encode_text"]

MAX_TEXT_TOKENS = 1000  # 2000 characters of English are about 500


@dataclass(frozen=True)
class Conditioning:
    """What stands before the audio tokens.

    Attributes:
        text_ids: ids of the text sent (may be empty for continuation).
        negative_ids: ids of the negative prompt.
        sections: (structure id, start s, end s), one triple a section.
    """

    text_ids: tuple[int, ...]
    negative_ids: tuple[int, ...]
    sections: tuple[tuple[int, float, float], ...]


def conditioning(
    request: GenerationRequest,
    tokenizer: TextTokenizer,
    default_structure: str,
    prompt_seconds: float,
    text: str,
) -> Conditioning:
    """Ids and section triples of a request; times count from the start of the audio prompt.

    Args:
        text: what the model is sent (see `core.requests.caption`).

    With an audio prompt the first section is the prompt itself, in the structure of what follows,
    so that the plan still covers every token. The released code gives the plan's own times,
    prompt or not.

    Raises: InputError for a text of too many tokens.
    """
    ids = STRUCTURES if request.compat is None else OFFICIAL_INFERENCE_STRUCTURES
    plan = request.sections or (Section(default_structure, 0.0, request.seconds),)
    before = prompt_seconds if request.compat is None else 0.0
    sections = [(ids[s.structure], s.start + before, s.end + before) for s in plan]
    if before > 0:
        structure, _, end = sections[0]
        sections[0] = (structure, 0.0, end)
    return Conditioning(
        encode_text("prompt", text, tokenizer),
        encode_text("negative", request.negative, tokenizer),
        tuple(sections),
    )


def encode_text(name: str, text: str, tokenizer: TextTokenizer) -> tuple[int, ...]:
    """Ids of a text.

    Raises: InputError for a text of more tokens than any caption has: a character may be
        dozens of them, and each costs memory and time at every layer.
    """
    ids = tokenizer.encode(text)
    if len(ids) > MAX_TEXT_TOKENS:
        raise InputError(
            name,
            f"of {len(ids)} tokens ({len(text)} characters)",
            f"is too long for the model; at most {MAX_TEXT_TOKENS} tokens",
        )
    return ids
