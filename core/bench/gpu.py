"""`bench gpu`: equality with the CPU and speed on one GPU, in at most eight minutes, as a table.

It needs the checkout, torch, numpy and safetensors, and makes its large weights on the spot (they
are random: times and equality say something, music does not). transformers, for the plain loop,
may be absent. Every part stands alone: one that fails, or for which no time is left, says so.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from typing import Any

import torch

from core.bench import gpu_parts as parts
from core.errors import InputError
from core.language_model import LanguageModel, PackedModel
from core.workspace import claim_machine

MINUTES = 8.0
NOT_MEASURED = "not measured"


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench gpu`."""
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="no part begins later")
    parser.add_argument("--size", choices=("official", "toy"), default="official")


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    with claim_machine():
        found = measure(args.device, args.size, args.minutes)
    print(json.dumps(found) if args.json else table(found))


def measure(device_name: str, size: str = "official", minutes: float = MINUTES) -> dict[str, Any]:
    """Every part by name: its figures, or why there are none.

    Raises: InputError for a device that torch cannot use.
    """
    try:
        device = torch.device(device_name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError("device", device_name, "cannot be used with this torch") from error
    sizes = parts.toy() if size == "toy" else parts.official()
    found: dict[str, Any] = {"device": _described(device), "size": size, "parts": {}}
    began = time.perf_counter()

    def part(name: str, call: Callable[..., Any], *args: Any) -> Any:
        if time.perf_counter() - began > 60 * minutes:
            found["parts"][name] = {NOT_MEASURED: "no time was left"}
            return None
        try:
            made = call(*args)
        except Exception as error:  # the other parts are worth their time
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            found["parts"][name] = {NOT_MEASURED: said}
            return None
        found["parts"][name] = made
        return made

    part("nano, tokens equal to the CPU's", parts.nano_equals_cpu, device, sizes.nano_tokens)
    part("nano, tokens whatever the neighbours", parts.neighbours, device, sizes.nano_tokens)
    read = part("memory, bytes a second", parts.read_rate, device, sizes.read_bytes)
    for name, config in sizes.models.items():
        torch.manual_seed(0)
        model = LanguageModel(config).eval().requires_grad_(False)
        if name == next(iter(sizes.models)):
            part(f"{name}, scores equal to the CPU's", parts.large_equals_cpu, model, device)
        model = model.to(device, torch.bfloat16)
        packed = PackedModel(model)
        rates = packed, sizes.rows, sizes.steps, read or float("nan")
        part(f"{name}, decode", parts.decode_rates, *rates)
        part(f"{name}, plain loop, steps a second", parts.plain_rate, model, sizes.steps)
        part(f"{name}, {sizes.seconds:g} s end to end", parts.end_to_end, packed, sizes)
    found["seconds"] = round(time.perf_counter() - began, 1)
    return found


def table(found: dict[str, Any]) -> str:
    """The figures as lines of text."""
    lines = [f"{found['device']}; {found['size']} sizes, random weights; {found['seconds']} s"]
    for name, figures in found["parts"].items():
        rows = figures if isinstance(figures, list) else [figures]
        lines += [f"{name:40}{_row(row)}" for row in rows]
    return "\n".join(lines)


def _row(figures: Any) -> str:
    if isinstance(figures, dict):
        return "  ".join(f"{key} {value}" for key, value in figures.items())
    return f"{figures:.4g}" if isinstance(figures, float) else str(figures)


def _described(device: torch.device) -> str:
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    return f"{name}, torch {torch.__version__}"
