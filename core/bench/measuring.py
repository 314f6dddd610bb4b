"""Alternating runs in one process, and what the machine itself can do."""

from __future__ import annotations

import json
import platform
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from core.workspace import work_folder

RUNS = 7


def alternate(
    contestants: dict[str, Callable[[], object]], runs: int, warm_up: bool = True
) -> dict[str, list[float]]:
    """Seconds of each run; in every round each contestant runs once.

    Args:
        warm_up: one round more, unmeasured, comes first; runs of many seconds do without.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(0 if warm_up else 1, runs + 1):
        for name, call in contestants.items():
            began = time.perf_counter()
            call()
            if number:
                seconds[name].append(time.perf_counter() - began)
    return seconds


def ratio(seconds: dict[str, list[float]], slow: str, fast: str) -> float:
    """Median over the rounds of how many times faster `fast` was than `slow`."""
    return statistics.median(a / b for a, b in zip(seconds[slow], seconds[fast]))


def ceilings(runs: int = RUNS) -> dict[str, float]:
    """The machine's own rates: products of 1024 x 1024 in GFLOP/s, reading 1 GiB in GB/s."""
    size, flops = 1024, 2 * 1024**3
    single, half = torch.randn(size, size), torch.randn(size, size, dtype=torch.bfloat16)
    # float32, more than caches hold; ones, since untouched zeros share one page of memory
    memory = torch.ones(2**28)
    seconds = alternate(
        {
            "fp32": lambda: single @ single,
            "bf16": lambda: half @ half,
            "read": lambda: memory.sum(),
        },
        runs,
    )
    middle = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "matmul_fp32_gflops": round(flops / middle["fp32"] / 1e9, 1),
        "matmul_bf16_gflops": round(flops / middle["bf16"] / 1e9, 1),
        "read_gbytes": round(memory.nbytes / middle["read"] / 1e9, 1),
        "threads": torch.get_num_threads(),
    }


def machine() -> str:
    """Processor, threads and torch, for the results."""
    cores = Path("/proc/cpuinfo")
    named = (
        re.search(r"^model name\s*:\s*(.+)$", cores.read_text(), re.M) if cores.is_file() else None
    )
    kind = named.group(1) if named else platform.processor() or platform.machine()
    units = [
        name
        for name, has in (
            ("AVX-512", torch.cpu._is_avx512_supported()),
            ("AMX", torch.cpu._is_amx_tile_supported()),
        )
        if has
    ]
    return (
        f"{kind} ({', '.join(units) or 'neither AVX-512 nor AMX'}), "
        f"{torch.get_num_threads()} threads, torch {torch.__version__}"
    )


def results_folder() -> Path:
    """Where the last result of every bench is kept for `bench table`."""
    folder = work_folder() / "bench" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def report(name: str, found: dict[str, Any], lines: list[str], as_json: bool) -> None:
    """Keep a result for the table, with the machine it is of, and print it."""
    found["on"] = machine()
    (results_folder() / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
    print(json.dumps(found) if as_json else "\n".join(lines))
