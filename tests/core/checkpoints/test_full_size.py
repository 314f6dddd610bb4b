"""Full-size folders have exactly the released names, shapes and counts (no memory is used)."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from core.checkpoints.assembly import empty
from core.checkpoints.load_bench import BASE
from core.checkpoints.official.layout import OFFICIAL
from core.checkpoints.official.writer import stored_form

LISTING = Path(__file__).resolve().parents[4] / "shared" / "reference" / "official-state-dict.txt"
pytestmark = pytest.mark.skipif(
    not LISTING.is_file(), reason="no ../shared/reference/official-state-dict.txt"
)
LARGE = dataclasses.replace(
    BASE["language_model"], hidden=1536, layers=28, heads=12, kv_heads=2, head_dim=128, mlp=8960
)


def sections() -> dict[str, str]:
    """Title -> text of every part of the listing."""
    parts = LISTING.read_text(encoding="utf-8").split("### ")[1:]
    return {part.splitlines()[0]: part for part in parts}


def listed(part: str) -> Counter:
    """(key pattern, shape) -> how many."""
    rows = re.findall(r"^(\S+)  \[([\d, ]*)\] float32  x(\d+)", part, re.MULTILINE)
    found: Counter = Counter()
    for pattern, shape, count in rows:
        found[pattern, tuple(int(n) for n in shape.split(",") if n.strip())] += int(count)
    return found


def patterns(table: dict[str, torch.Tensor]) -> Counter:
    return Counter(
        (re.sub(r"(?<=\.)\d+(?=\.|$)", "{n}", key), tuple(value.shape))
        for key, value in table.items()
    )


def released_form(component: str, config: object) -> dict:
    codebooks = {
        k: v
        for k, v in empty("hificodec", BASE["hificodec"]).state_dict().items()
        if k.startswith("quantizer.")
    }
    return stored_form(component, config, empty(component, config).state_dict(), codebooks)


def tables() -> list[tuple[str, dict[str, torch.Tensor]]]:
    """(a word of the listing's title, what a full-size released file holds)."""
    codec = released_form("hificodec", BASE["hificodec"])
    return [
        ("llm.pt 0.5B", released_form("language_model", BASE["language_model"])),
        ("llm.pt 1.5B", released_form("language_model", LARGE)),
        ("flow.pt", released_form("srfm", BASE["srfm"])),
        ("wavtokenizer", released_form("wavtokenizer", BASE["wavtokenizer"])["state_dict"]),
        *(
            (f"music_tokenizer/model.pt['{part}']", codec[part])
            for part in OFFICIAL["hificodec"].table.PARTS
        ),
    ]


def test_names_shapes_and_counts_of_every_file() -> None:
    listing = sections()
    checked = set()
    for word, table in tables():
        title = next(t for t in listing if word in t)
        checked.add(title)
        assert patterns(table) == listed(listing[title]), title
        keys, elements = re.search(r"-- ([\d,]+) keys, ([\d,]+) elements", listing[title]).groups()
        assert len(table) == int(keys.replace(",", "")), title
        assert sum(v.numel() for v in table.values()) == int(elements.replace(",", "")), title
    assert checked == set(listing)


@pytest.mark.parametrize(
    "word, config", [("llm.pt 0.5B", BASE["language_model"]), ("llm.pt 1.5B", LARGE)]
)
def test_unique_parameters_of_the_language_models(word, config) -> None:
    text = next(part for title, part in sections().items() if word in title)
    unique = int(re.search(r"unique params ([\d,]+)", text).group(1).replace(",", ""))
    table = released_form("language_model", config)
    assert sum({id(v): v.numel() for v in table.values()}.values()) == unique
