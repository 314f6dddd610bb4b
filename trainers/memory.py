"""Whether a run fits the memory at hand, and which setting makes it fit."""

from __future__ import annotations

from pathlib import Path

import torch

from core.errors import InputError
from trainers.runs.config import RunConfig, training_of
from trainers.runs.processes import Processes

SMALL_BYTES = 2**30  # estimated in less time than it takes to count
HALVED = 0.5  # activations under bf16 autocast, about


def available_bytes(device: torch.device) -> int | None:
    """Memory that a run may take here; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return None
    rows = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    return int(rows["MemAvailable"].split()[0]) * 1024


def shortage(
    run: RunConfig, state_bytes: float, activation_bytes: float, processes: int, available: float
) -> str:
    """Why a stage does not fit, with its figures and what makes it fit; or "".

    Args:
        state_bytes: weights, gradients, moments and averages, of all processes together.
        activation_bytes: of one part of one process, fp32.
    """
    state = state_bytes / processes if run.loop.shard else state_bytes
    kept = activation_bytes * (HALVED if getattr(training_of(run), "bf16", False) else 1.0)
    if state + kept <= available:
        return ""
    told = (
        f"needs {(state + kept) / 2**30:.1f} GiB ({state / 2**30:.1f} for weights and optimizer, "
        f"{kept / 2**30:.1f} for activations), {available / 2**30:.1f} are there"
    )
    training, knobs = training_of(run), []
    if kept > state and not getattr(training, "gradient_checkpointing", True):
        knobs.append("training.gradient_checkpointing: true")
    elif kept > state and hasattr(training, "gradient_accumulation"):
        more = training.gradient_accumulation * max(2, round(kept / max(1.0, available - state)))
        knobs.append(f"training.gradient_accumulation: {more}")
    elif kept > state:
        knobs.append("a smaller training.batch")
    if state > kept and run.task == "language_model" and not run.loop.shard:
        count = max(2, -(-int(state_bytes) // max(1, int(available - kept))))
        knobs.append(f"loop.shard: true over {count} processes or more, or training.lora")
    elif state > kept and run.loop.shard:
        knobs.append(f"more processes than {processes}")
    return told + "; set " + ", and ".join(knobs) if knobs else told


def require_fit(run: RunConfig, processes: Processes) -> None:
    """Raises: InputError for a run that needs more memory than is there, before it starts."""
    from trainers.estimate import step_of  # imports what a small run need not wait for

    available = available_bytes(processes.device)
    if available is None or run.training.get("lora") or _is_small(run):
        return
    step = step_of(run)
    if why := shortage(run, step.state_bytes, step.activation_bytes, processes.count, available):
        raise InputError("memory", run.task, why)


def _is_small(run: RunConfig) -> bool:
    """Whether weights are so few that no machine is too small for them."""
    from core.checkpoints.assembly import empty
    from trainers.runs.config import config_of

    with torch.device("meta"):
        model = empty(run.task, config_of(run))
    parts = max(1, run.training.get("gradient_accumulation", 1))
    tokens = run.training.get("batch_tokens", 0) / parts
    return 20 * sum(p.numel() for p in model.parameters()) < SMALL_BYTES and tokens < 50_000
