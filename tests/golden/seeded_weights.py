"""Weights of the official layout drawn from a seed, so that a repository need not carry them.

`weights.json` names every tensor with its shape, type and spread; numpy's RandomState, whose
stream is frozen, draws the values. Small tensors and tables stand in `literals.safetensors`.
"""

from __future__ import annotations

import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

FILES = ("flow.pt", "music_tokenizer/model.pt", "wavtokenizer/model.pt")
DESCRIPTION, LITERALS = "weights.json", "literals.safetensors"
LITERAL_NUMBERS = 64


def describe(full: Path, small: Path) -> None:
    """Write weights.json and literals.safetensors of a full folder into a small one."""
    literals: dict[str, torch.Tensor] = {}
    described = {}
    for name in FILES:
        stored = torch.load(full / name, map_location="cpu", weights_only=True)
        described[name] = _described(stored, name, literals)
    (small / DESCRIPTION).write_text(json.dumps(described) + "\n")
    save_file(literals, small / LITERALS)


def build(small: Path, folder: Path) -> None:
    """The small folder as a whole one: everything copied, the weight files drawn."""
    for path in small.rglob("*"):
        if path.is_file() and path.name not in (DESCRIPTION, LITERALS):
            place = folder / path.relative_to(small)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(path.read_bytes())
    literals = load_file(small / LITERALS)
    for name, tree in json.loads((small / DESCRIPTION).read_text()).items():
        torch.save(_built(tree, name, literals), folder / name)


def _described(value: Any, path: str, literals: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, dict):
        return {"keys": {k: _described(v, f"{path}/{k}", literals) for k, v in value.items()}}
    if not torch.is_tensor(value):
        return {"value": value}
    numbers = value.double()
    if value.numel() and bool((numbers == numbers.flatten()[0]).all()):
        fill = float(numbers.flatten()[0])
        zero_stride = value.untyped_storage().nbytes() < value.numel() * value.element_size()
        return {"shape": list(value.shape), "type": str(value.dtype)[6:], "fill": fill,
                "expanded": zero_stride}  # fmt: skip
    if value.numel() <= LITERAL_NUMBERS or not value.is_floating_point() or "window" in path:
        literals[path] = value.clone().contiguous()
        return {"literal": path}
    mean, spread = float(numbers.mean()), float(numbers.std())
    low, high = mean - 3**0.5 * spread, mean + 3**0.5 * spread
    if float(numbers.min()) >= 0:
        low = max(low, float(numbers.min()))
    return {"shape": list(value.shape), "type": str(value.dtype)[6:],
            "low": float(f"{low:.4g}"), "high": float(f"{high:.4g}")}  # fmt: skip


def _built(tree: dict[str, Any], path: str, literals: dict[str, torch.Tensor]) -> Any:
    if "keys" in tree:
        return {k: _built(v, f"{path}/{k}", literals) for k, v in tree["keys"].items()}
    if "value" in tree:
        return tree["value"]
    if "literal" in tree:
        return literals[tree["literal"]]
    kind = getattr(torch, tree["type"])
    if "fill" in tree:
        if tree["expanded"]:
            return torch.full((1,), tree["fill"], dtype=kind).expand(tree["shape"])
        return torch.full(tree["shape"], tree["fill"], dtype=kind)
    draw = np.random.RandomState(zlib.crc32(path.encode()))
    # Through fp16, as the full folder stores them, so that the values are exact everywhere.
    values = draw.uniform(tree["low"], tree["high"], tree["shape"]).astype(np.float16)
    return torch.from_numpy(values).to(kind)
