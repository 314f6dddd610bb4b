"""How fast codecs encode beside what their arithmetic takes at this machine's matrix product."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.flop_counter import FlopCounterMode

from trainers.data.extraction import ExtractionOptions, codec_of, encode, latents

SECONDS = 30.0  # of noise, in each piece
SIZE, ROUNDS = 1024, 5


def floor_report(options: ExtractionOptions) -> str:
    """A Markdown table: seconds of sound a second, arithmetic a second of sound, and the share of
    the fastest matrix product that this is; one thread."""
    torch.set_num_threads(1)
    peak = _peak(options.device)
    rows = [
        f"One thread, pieces of {SECONDS:g} s, {options.batch} together; a product of {SIZE} x "
        f"{SIZE} in fp32 runs at {peak / 1e9:.0f} GFLOP/s here.",
        "",
        "| codec | times real time | GFLOP a second of sound | GFLOP/s | of the product's |",
        "|---|---|---|---|---|",
    ]
    kinds: list[tuple[str, Path, Callable[..., Any]]] = [
        ("wavtokenizer", options.wavtokenizer, encode)
    ]
    if options.hificodec is not None:
        kinds.append(("hificodec", options.hificodec, latents))
    for component, folder, function in kinds:
        model = codec_of(folder, component, options.device)
        rate: int = model.sample_rate
        length = round(SECONDS * rate)
        draw = np.random.default_rng(0)
        sound = [draw.standard_normal(length).astype(np.float32) * 0.1] * options.batch
        with FlopCounterMode(display=False) as counted:
            function(model, sound, options.device)
        times = []
        for _ in range(3):
            began = time.perf_counter()
            function(model, sound, options.device)
            times.append(time.perf_counter() - began)
        pace = SECONDS * options.batch / min(times)
        work = counted.get_total_flops() / SECONDS / options.batch
        rows.append(
            f"| {component} | {pace:.0f} | {work / 1e9:.3f} | {work * pace / 1e9:.1f} | "
            f"{100 * work * pace / peak:.0f} % |"
        )
    return "\n".join(rows)


def _peak(device: str) -> float:
    """FLOP/s of the fastest of a few products."""
    one = torch.randn(SIZE, SIZE, device=device)
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        float((one @ one)[0, 0])
        times.append(time.perf_counter() - began)
    return 2 * SIZE**3 / min(times)
