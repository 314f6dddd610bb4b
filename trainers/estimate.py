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
import json
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from core.checkpoints.assembly import empty
from core.errors import InputError
from core.result import peak_memory_bytes
from trainers import run_config, run_folder
from trainers.memory import shortage
from trainers.run_config import RunConfig

CONFIGS = Path(__file__).parent / "configs"
PROCESSES = 8  # what a sharded stage is planned for
GPU_FLOPS, GPU_SHARE = 989e12, 0.4  # H800, dense bf16, from its data sheet; share: an assumption
STEPS_MEASURED = 4


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
        _measured({p: v for p, v in found.items() if v[1].parameters < 2e7})
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


def _recomputed(kept: int, model: nn.Module) -> int:
    """With recomputation only the blocks' inputs stay, and one block's own at a time."""
    blocks = len(model.backbone.layers)
    return round(kept / blocks * 1.25)


def _forward(run: RunConfig, model: nn.Module, training: Any) -> tuple:
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


def _codec(model: nn.Module, training: Any) -> tuple:
    from trainers.discriminators import Discriminators, DiscriminatorsConfig
    from trainers.spectral_loss import RESOLUTIONS, MultiResolutionMel

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
    torch.autocast = lambda *_, **__: contextlib.nullcontext()  # type: ignore[assignment,misc]
    try:
        yield
    finally:
        torch.autocast = kept


def _measured(found: dict[Path, tuple[RunConfig, StepCost]]) -> None:
    """Run a few steps of each in a process of its own, on random data; beside them what the logs
    of whole runs say, where there are any."""
    print(
        f"\nMeasured here, {STEPS_MEASURED} steps on random data after one to warm up, one "
        "thread; memory is the growth of the process from before its model was made. Computed "
        "seconds are the stage's work at the median GFLOP/s of all stages. A whole run is that "
        "of $STUDIO_WORK/runs: seconds a step as its log has them, and all hours of its "
        "config's steps at that.\n"
    )
    print(
        "| stage | computed memory | measured | measured / computed | computed seconds a step | "
        "measured | measured / computed | GFLOP/s | whole run: seconds a step | hours |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|", flush=True)
    context, rows = multiprocessing.get_context("spawn"), []
    for path, (run, step) in found.items():
        with context.Pool(1) as pool:
            rows.append((path, run, step, *pool.apply(_few_steps, (path,))))
    rate = float(np.median([step.flops / seconds for _, _, step, _, seconds in rows]))
    for path, run, step, bytes_, seconds in rows:
        memory, expected = step.state_bytes + step.activation_bytes, step.flops / rate
        whole = _whole_run(path.stem)
        of_run = f"{whole:.2f} | {whole * run.loop.steps / 3600:.2f}" if whole else "– | –"
        print(
            f"| {path.stem} | {memory / 2**20:.0f} MiB | {bytes_ / 2**20:.0f} MiB | "
            f"{bytes_ / memory:.2f} | {expected:.2f} | {seconds:.2f} | {seconds / expected:.2f} "
            f"| {step.flops / seconds / 1e9:.0f} | {of_run} |"
        )


def _whole_run(name: str) -> float | None:
    """Seconds a step over a run's whole log, where there is one."""
    folder = run_config.folder("$STUDIO_WORK/runs") / name
    rows = run_folder.read_log(folder) if (folder / run_folder.LOG).is_file() else []
    return rows[-1].seconds / rows[-1].step if rows and rows[-1].step else None


def _few_steps(path: Path) -> tuple[int, float]:
    """(bytes the process grew by, median seconds a step) of a stage's own training."""
    from trainers.loop import Loop

    run = run_config.read(path)
    run = replace(run, training={**run.training, "validation_crops": 2})
    with tempfile.TemporaryDirectory() as folder:
        run = replace(run, data=_random_data(run, Path(folder)))
        task_warm = torch.ones(8, 8, requires_grad=True)
        (task_warm @ task_warm).sum().backward()  # what torch itself takes at its first step
        before = peak_memory_bytes()
        loop = Loop(
            run_config.task_of(run),
            replace(run.loop, steps=1, shard=False, threads=1),
            Path(folder) / "run",
            run.raw,
        )
        seconds = []
        for _ in range(STEPS_MEASURED + 1):
            began = time.monotonic()
            loop.advance()
            seconds.append(time.monotonic() - began)
        after = peak_memory_bytes()
    print(json.dumps({"stage": path.stem, "seconds": seconds}), file=sys.stderr)
    return after - before, float(np.median(seconds[1:]))


def _random_data(run: RunConfig, folder: Path) -> dict[str, Path]:
    """A store or shards of noise, in the sizes of the run's config."""
    from trainers.shards import TokenizedPiece, write_pieces
    from trainers.text_tokenizer import train_text_tokenizer

    draw = np.random.default_rng(0)
    config = run_config.config_of(run)
    if run.task in ("wavtokenizer", "hificodec"):
        length = 8 * config.sample_rate
        (draw.standard_normal(2 * length) * 0.1).astype(np.float16).tofile(folder / "audio.f16")
        (folder / "index.json").write_text(
            json.dumps(
                {
                    "sample_rate": config.sample_rate,
                    "entries": [["a", "train", 0, length], ["b", "validation", length, length]],
                }
            )
        )
        return {"folder": folder}
    tokens = 4000
    codes = config.audio_vocabulary if run.task == "language_model" else config.vocab_size
    latents = (
        None
        if run.task == "language_model"
        else draw.standard_normal((config.latent_dim, 2 * tokens))
    )
    write_pieces(
        folder,
        [
            TokenizedPiece(
                split,
                split,
                ("a calm piece",),
                (("verse", 0.0, tokens / 75),),
                draw.integers(codes, size=tokens),
                latents,
                {},
            )
            for split in ("train", "validation")
        ],
        "pieces",
    )
    train_text_tokenizer(["a calm piece"], 300, folder / "tokenizer.json")
    return {"shards": folder, "text_tokenizer": folder / "tokenizer.json"}
