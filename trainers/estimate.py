"""`python -m trainers estimate`: memory and time of every stage, from its config, as Markdown.

Nothing here is a formula for one architecture: the model is built without memory (meta device), a
step's forward pass runs on it, and what autograd would keep and what products cost is counted.

    weights and states   weights, gradients, AdamW's two moments and the averaged weights, fp32
    activations          what one part of a step keeps for the backward pass (fp32; autocast keeps
                         about half of what is kept by products)
    work                 floating-point operations of a step: forward, twice that backward, once
                         more where activations are computed again
"""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from core.checkpoints.assembly import empty
from core.errors import InputError
from trainers.estimate_measured import measured
from trainers.memory import shortage
from trainers.runs import config as run_config
from trainers.runs.config import RunConfig

CONFIGS = Path(__file__).parent / "configs"
PROCESSES = 8  # what a sharded stage is planned for
GPU_FLOPS, GPU_SHARE = 989e12, 0.4  # H800, dense bf16, from its data sheet; share: an assumption


@dataclass(frozen=True)
class StepCost:
    """What one step of a stage costs.

    Attributes:
        parameters: of all its modules, discriminators included.
        state_bytes: weights, gradients, moments, average; of all processes together.
        activation_bytes: of one part of one process.
        flops: of the whole step, all processes together.
        items: audio tokens, or audio seconds for a codec, a step.
    """

    parameters: int
    state_bytes: int
    activation_bytes: int
    flops: float
    items: float


def main(argv: list[str]) -> int:
    """Print memory and time of every stage as Markdown."""
    parser = argparse.ArgumentParser("python -m trainers estimate", description=main.__doc__)
    parser.add_argument("configs", type=Path, nargs="*", help="default: all of the project's")
    parser.add_argument(
        "--measure",
        action="store_true",
        help="also run a few steps of each nano "
        "stage on random data, and print them beside what was computed",
    )
    parser.add_argument(
        "--memory-gib",
        type=float,
        help="of one card: stages that do not fit are named, with the setting that makes them fit, "
        "and the exit code is 2",
    )
    args = parser.parse_args(argv)
    configs = args.configs or sorted(CONFIGS.rglob("*.yaml"))
    print(
        "| stage | parameters | weights and states | activations, one part | work a step | steps "
        f"| GPU hours at {100 * GPU_SHARE:.0f} % of {GPU_FLOPS / 1e12:.0f} TFLOP/s |"
    )
    print("|---|---|---|---|---|---|---|")
    found = {}
    for path in configs:
        run = run_config.read(path)
        found[path] = run, step_of(run)
        print(_row(path, *found[path]), flush=True)
    if args.memory_gib is not None:
        _require_fit(found, args.memory_gib)
    if args.measure:
        measured({p: v for p, v in found.items() if v[1].parameters < 2e7})
    return 0


def _require_fit(found: dict[Path, tuple[RunConfig, StepCost]], gib: float) -> None:
    """Raises: InputError naming the stages that a card of so much memory does not hold."""
    short = [
        f"{path.stem} {why}"
        for path, (run, step) in found.items()
        if (
            why := shortage(
                run,
                step.state_bytes,
                step.activation_bytes,
                PROCESSES if run.loop.shard else 1,
                gib * 2**30,
            )
        )
    ]
    if short:
        raise InputError("memory", f"{gib:g} GiB", "; ".join(short))


def _row(path: Path, run: RunConfig, step: StepCost) -> str:
    processes = PROCESSES if run.loop.shard else 1
    hours = step.flops * run.loop.steps / (GPU_FLOPS * GPU_SHARE) / 3600
    shared = f" / {processes}" if run.loop.shard else ""
    return (
        f"| {path.stem} | {step.parameters / 1e6:,.1f} M | "
        f"{step.state_bytes / 2**30:.2f} GiB{shared} | {step.activation_bytes / 2**30:.2f} GiB "
        f"| {step.flops / 1e12:,.3f} TFLOP | {run.loop.steps:,} | {hours:,.1f} |"
    )


def step_of(run: RunConfig) -> StepCost:
    """Cost of a step, from the config alone."""
    config, training = run_config.config_of(run), run_config.training_of(run)
    with torch.device("meta"):
        model = empty(run.task, config).to("meta").train()  # its constant tables too
        modules, trained, forward, share, items = _forward(run, model, training)
    found = _Counted()
    with FlopCounterMode(display=False) as flops, found:
        forward()
    passes = 4 if getattr(training, "gradient_checkpointing", False) else 3
    parameters = sum(p.numel() for m in modules for p in m.parameters())
    learning = sum(p.numel() for m in trained for p in m.parameters())
    averaged = sum(v.numel() for v in model.state_dict().values())
    kept = found.bytes
    if getattr(training, "gradient_checkpointing", False):
        kept = _recomputed(found.bytes, model)
    return StepCost(
        parameters,
        4 * (parameters + 3 * learning + averaged),
        kept,
        float(flops.get_total_flops()) * passes * share,
        items,
    )


class _Counted(torch.autograd.graph.saved_tensors_hooks):
    """Bytes of different tensors that the forward pass keeps, weights left out."""

    def __init__(self) -> None:
        self.bytes, seen = 0, set()

        def keep(tensor: Tensor) -> Tensor:
            storage = tensor.untyped_storage()
            if storage._cdata not in seen and not isinstance(tensor, nn.Parameter):
                seen.add(storage._cdata)
                self.bytes += storage.nbytes()
                self.alive.append(tensor)  # an address is used again once its tensor is gone
            return tensor

        self.alive: list[Tensor] = []
        super().__init__(keep, lambda tensor: tensor)


def _recomputed(kept: int, model: Any) -> int:
    """With recomputation only the blocks' inputs stay, and one block's own at a time."""
    blocks = len(model.backbone.layers)
    return round(kept / blocks * 1.25)


def _forward(run: RunConfig, model: Any, training: Any) -> tuple:
    """(all modules, those that learn, a part's forward pass, parts of a step and processes, audio
    tokens or seconds a step)."""
    if run.task == "language_model":
        longest = round(max(training.crop_seconds) * training.token_rate)
        parts = training.gradient_accumulation * (PROCESSES if run.loop.shard else 1)
        tokens = max(longest, training.batch_tokens // parts)
        lengths = [longest] * (tokens // longest)
        text = 32  # a caption's ids and the conditions, about

        def language_model() -> Tensor:
            x = torch.empty(
                1, sum(lengths) + len(lengths) * text, model.config.hidden, requires_grad=True
            )
            states = model.backbone(x, [n + text for n in lengths])
            return model.head(states[:, : sum(lengths)]).logsumexp(-1).sum()

        return (
            [model],
            [model],
            _on_meta(language_model),
            training.batch_tokens / sum(lengths),
            training.batch_tokens,
        )
    if run.task == "srfm":
        size = max(1, training.batch // training.gradient_accumulation)
        frames = training.crop_tokens * training.ratio

        def srfm() -> Tensor:
            tokens = torch.zeros(size, training.crop_tokens, dtype=torch.int64)
            latents = torch.empty(size, model.config.latent_dim, frames)
            return model.loss(
                tokens,
                None,
                latents,
                None,
                t_uniform=torch.empty(size),
                noise=torch.empty_like(latents),
                keep=torch.ones(size, dtype=torch.bool),
            )

        return (
            [model],
            [model],
            _on_meta(srfm),
            training.batch / size,
            training.batch * training.crop_tokens,
        )
    return _codec(model, training)


def _codec(model: Any, training: Any) -> tuple:
    from trainers.losses.discriminators import Discriminators, DiscriminatorsConfig
    from trainers.losses.spectral_loss import RESOLUTIONS, MultiResolutionMel

    with torch.device("cpu"):
        distance = MultiResolutionMel(model.sample_rate)
    distance = distance.to("meta") if isinstance(distance, nn.Module) else distance
    judges = (
        Discriminators(DiscriminatorsConfig()) if training.adversarial_from is not None else None
    )
    frames = round(training.crop_seconds * model.sample_rate / model.hop) * model.hop

    def codec() -> Tensor:
        real = torch.empty(training.batch, 1, frames)
        made = model(real, quantize=False).decoded
        if made.ndim != real.ndim or made.shape[1] != 1:  # a magnitude head
            return made.square().mean()
        loss = distance(made, real, tuple(range(len(RESOLUTIONS)))[: training.resolutions])
        if judges is not None:
            judged = judges.generator_losses(real, made)
            loss = loss + judged.adversarial + judged.feature_matching
            loss = loss + judges.loss(real, made.detach())
        return loss

    modules = [model] if judges is None else [model, judges]
    return modules, modules, _on_meta(codec), 1.0, training.batch * training.crop_seconds


def _on_meta(forward: Any) -> Any:
    def run() -> Tensor:
        with torch.device("meta"), _without_autocast():
            return forward()

    return run


@contextlib.contextmanager
def _without_autocast() -> Iterator[None]:
    """The meta device knows no autocast, not even to switch it off."""
    kept = torch.autocast
    setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # noqa: B010
    try:
        yield
    finally:
        setattr(torch, "autocast", kept)  # noqa: B010
