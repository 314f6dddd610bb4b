"""The released codec folder: names and shapes of the full size, and folders that are broken."""

from __future__ import annotations

import itertools
import json
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path

import pytest
import torch

from core.checkpoints.official import hificodec as official_hificodec
from core.errors import InputError
from core.hificodec import HiFiCodec, HiFiCodecConfig

LISTING = Path(__file__).resolve().parents[4] / "shared" / "reference" / "official-state-dict.txt"
SIZES = {
    "resblock": "1",
    "sampling_rate": 48000,
    "n_code_groups": 2,
    "n_codes": 8,
    "codebook_loss_lambda": 1.0,
    "commitment_loss_lambda": 0.25,
    "upsample_rates": [2, 2, 2, 2],
    "upsample_kernel_sizes": [4, 4, 4, 4],
    "upsample_initial_channel": 16,
    "resblock_kernel_sizes": [1],
    "resblock_dilation_sizes": [[1]],
}


def listed(part: str) -> tuple[Counter, int, int]:
    """((pattern, shape) -> how many, keys, elements) of one part in the reference listing."""
    text = LISTING.read_text(encoding="utf-8")
    section = text.split(f"### music_tokenizer/model.pt['{part}']")[1].split("\nparams")[0]
    rows = re.findall(r"^(\S+)  \[([\d, ]+)\] float32  x(\d+)", section, re.MULTILINE)
    keys, elements = re.search(r"-- ([\d,]+) keys, ([\d,]+) elements", section).groups()
    counts: Counter = Counter()
    for pattern, shape, count in rows:
        counts[pattern, tuple(map(int, shape.split(",")))] += int(count)
    return counts, int(keys.replace(",", "")), int(elements.replace(",", ""))


@pytest.mark.skipif(not LISTING.is_file(), reason="no ../shared/reference/official-state-dict.txt")
@pytest.mark.parametrize("part", official_hificodec.PARTS)
def test_full_size_has_the_released_names_and_shapes(part: str) -> None:
    counts, keys, elements = listed(part)
    with torch.device("meta"):
        ours = {
            name: tuple(tensor.shape)
            for name, tensor in HiFiCodec(HiFiCodecConfig()).state_dict().items()
            if name.startswith(part)
        }
    found: Counter = Counter()
    named = set()
    for pattern in {pattern for pattern, _ in counts}:
        for numbers in itertools.product(range(12), repeat=pattern.count("{n}")):
            official = f"{part}." + pattern.replace("{n}", "{}").format(*numbers)
            name = official_hificodec.MAP.our_name(official)
            if name in ours:
                found[pattern, ours[name]] += 1
                named.add(name)
    assert named == set(ours)
    assert found == counts
    assert len(ours) == keys
    assert sum(torch.Size(shape).numel() for shape in ours.values()) == elements


def test_defaults_are_the_released_rate() -> None:
    config = HiFiCodecConfig()
    assert Fraction(config.frame_rate) == 150 and config.codebooks == 4


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small folder in the released layout."""
    (tmp_path / "config.json").write_text(json.dumps(SIZES), encoding="utf-8")
    parts: dict[str, dict[str, torch.Tensor]] = {part: {} for part in official_hificodec.PARTS}
    for name, tensor in HiFiCodec(official_hificodec.config(tmp_path)).state_dict().items():
        part, key = official_name(name).split(".", 1)
        parts[part][key] = tensor.half()
    torch.save({**parts, "num_gpus": 1}, tmp_path / "model.pt")
    return tmp_path


def official_name(ours: str) -> str:
    """Our name in the release's words."""
    swaps = [
        ("enter", "conv_pre"),
        ("leave", "conv_post"),
        ("upsamplers", "ups"),
        ("downsamplers", "ups"),
        ("norms", "normalize"),
        ("dilated", "convs1"),
        ("flat", "convs2"),
        ("layers.0", "quantizer_modules"),
        ("layers.1", "quantizer_modules2"),
    ]
    for new, old in swaps:
        ours = re.sub(rf"\b{re.escape(new)}\b", old, ours)
    return re.sub(r"^(quantizer\..*)weight$", r"\1embedding.weight", ours)


def test_a_released_folder_opens(folder: Path) -> None:
    config = official_hificodec.config(folder)
    assert config.hop == 16 and config.codes == 8 and config.encoder == "hifigan"
    tensors = official_hificodec.state_dict(folder)
    assert all(tensor.dtype == torch.float16 for tensor in tensors.values())
    codec = HiFiCodec(config)
    codec.load_state_dict(tensors, strict=True)
    assert all(p.dtype == torch.float32 for p in codec.parameters())


def test_missing_and_broken_weights_are_named(folder: Path) -> None:
    path = folder / "model.pt"
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="cut short"):
        official_hificodec.state_dict(folder)
    path.unlink()
    with pytest.raises(InputError, match="missing"):
        official_hificodec.state_dict(folder)


def test_pickled_objects_are_not_opened(folder: Path) -> None:
    torch.save({"generator": Fraction(1, 2)}, folder / "model.pt")
    with pytest.raises(InputError, match="pickled objects"):
        official_hificodec.state_dict(folder)


@pytest.mark.parametrize(
    "stored, named",
    [
        ({"generator": {}, "encoder": {}}, "quantizer"),
        (
            {"generator": {"llm_decoder.weight": torch.zeros(1)}, "encoder": {}, "quantizer": {}},
            "another model",
        ),
    ],
)
def test_the_folder_of_another_model_is_refused(folder: Path, stored: dict, named: str) -> None:
    torch.save(stored, folder / "model.pt")
    with pytest.raises(InputError, match=named):
        official_hificodec.state_dict(folder)


@pytest.mark.parametrize(
    "change, named", [({"resblock": "2"}, "resblock"), ({"n_codes": None}, "n_codes")]
)
def test_an_unusable_config_is_named(folder: Path, change: dict, named: str) -> None:
    sizes = {name: value for name, value in {**SIZES, **change}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(sizes), encoding="utf-8")
    with pytest.raises(InputError, match=named):
        official_hificodec.config(folder)
