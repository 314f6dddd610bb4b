"""`python -m trainers.gpu.session PACK OUT`: train on the GPU for a few minutes.

Fixed shapes (one a crop length), plain causal attention, torch.compile, bf16. Averaged weights go
to OUT every two minutes, in files under 16 MiB: a session that is cut off has lost little.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.language_model import LanguageModel, time_embedding
from core.language_model.backbone import rotary_tables
from core.language_model.model import IGNORED
from trainers.gpu.crops import Crops, Pack, SessionSettings, draw
from trainers.losses.symbolic_loss import symbolic_losses

FILE_BYTES = 15 * 2**20


class CropLosses(nn.Module):
    """The losses of crops: the next token's and the symbolic targets'."""

    def __init__(self, model: LanguageModel, pack: Pack) -> None:
        super().__init__()
        self.model, self.present, self.classes = model, pack.present, pack.classes
        self.block = max(0, len(model.backbone.layers) - 3)
        widths = {**pack.present, **pack.classes}
        self.heads = nn.Linear(model.config.hidden, sum(widths.values()))

    def forward(self, crops: Crops) -> tuple[Tensor, Tensor]:
        """(cross-entropy, sum of the symbolic losses), nats; in bf16 on a GPU."""
        device = crops.ids.device.type
        with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
            return self._losses(crops.ids, crops.seconds, crops.targets, crops.symbolic)

    def _losses(
        self, ids: Tensor, seconds: Tensor, targets: Tensor, symbolic: Tensor
    ) -> tuple[Tensor, Tensor]:
        model = self.model
        table = torch.cat(
            (
                model.text_embedding.weight,
                model.audio_embedding.weight,
                model.marker_embedding.weight,
                model.structure_embedding.weight,
            )
        )
        times = time_embedding(seconds.clamp(min=0), model.config.hidden)
        x = torch.where((seconds >= 0)[..., None], times.to(table.dtype), F.embedding(ids, table))
        positions = torch.arange(ids.shape[1], device=ids.device)
        cosine, sine = rotary_tables(model.config, positions)
        heard = x
        for number, layer in enumerate(model.backbone.layers):
            x = layer(x, cosine, sine)
            heard = x if number == self.block else heard
        logits = model.head(model.backbone.norm(x)).float()
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED)
        return loss, self._symbolic(heard, targets >= 0, symbolic)

    def _symbolic(self, heard: Tensor, known: Tensor, symbolic: Tensor) -> Tensor:
        said, wanted, here = (
            x.flatten(0, 1) for x in (self.heads(heard), symbolic, known[..., None])
        )
        losses = symbolic_losses(said, wanted, self.present, self.classes)
        return (torch.stack(list(losses.values())).sum(0) * here[:, 0]).sum() / known.sum()


def train(
    pack: Pack, out: Path, settings: SessionSettings, start: Path | None = None
) -> Iterator[dict[str, float]]:
    """Train; yields figures now and then, and saves into `out`.

    Args:
        start: folder of an earlier session's files, to go on from (its optimizer is not kept).
    """
    began = time.monotonic()
    device = pack.tokens.device
    torch.manual_seed(settings.seed)
    model = LanguageModel(pack.model).to(device)
    if start is not None:
        model.load_state_dict({k: v.float().to(device) for k, v in joined(start).items()})
    step = CropLosses(model, pack).to(device)
    if settings.compiled:  # a block alone: all share what is compiled, so the session begins soon
        for layer in model.backbone.layers:
            layer.compile()
    optimizer = torch.optim.AdamW(
        step.parameters(),
        lr=settings.learning_rate,
        betas=(0.9, 0.97),
        weight_decay=settings.weight_decay,
        fused=True,
    )
    average = {k: v.detach().clone() for k, v in model.state_dict().items()}
    pieces, held_out = pack.of("train"), pack.of("validation")
    number, tokens, saved = 0, 0, began
    figures: dict[str, float] = {}

    def gone() -> float:
        """Share of the session that is over."""
        of_time = (time.monotonic() - began) / 60 / settings.minutes
        return max(of_time, number / settings.steps) if settings.steps else of_time

    def kept() -> dict[str, float]:
        found = {**figures, "held_out": _held_out(step, average, pack, settings, held_out)}
        save(average, out, {**found, "settings": asdict(settings), "model": asdict(pack.model)})
        return found

    with ThreadPoolExecutor(1) as ahead:
        following = ahead.submit(_crops, pack, settings, pieces, number)
        while number == 0 or gone() < 1:
            crops = following.result()
            following = ahead.submit(_crops, pack, settings, pieces, number + 1)
            rate = min((number + 1) / settings.warmup_steps, (1 - gone()) / settings.falling, 1.0)
            loss, symbolic = _update(step, optimizer, crops, settings, max(0.0, rate))
            decay = min(settings.average, (1 + number) / (10 + number))
            own = [v.detach() for v in model.state_dict().values()]
            torch._foreach_lerp_(list(average.values()), own, 1 - decay)
            number, tokens = number + 1, tokens + int((crops.targets >= 0).sum())
            due = time.monotonic() - saved > 60 * settings.save_minutes
            if due or number % 50 == 0:
                figures = _figures(number, tokens, began, loss, symbolic)
                yield kept() if due else figures
                saved = time.monotonic() if due else saved
        following.cancel()
    figures = _figures(number, tokens, began, loss, symbolic)
    yield kept()


def _update(
    step: CropLosses,
    optimizer: torch.optim.Optimizer,
    crops: Crops,
    settings: SessionSettings,
    rate: float,
) -> tuple[Tensor, Tensor]:
    """One step at `rate` of the learning rate; the losses before it."""
    for group in optimizer.param_groups:
        group["lr"] = settings.learning_rate * rate
    loss, symbolic = step(crops)
    optimizer.zero_grad(set_to_none=True)
    (loss + settings.symbolic * symbolic).backward()
    nn.utils.clip_grad_norm_(list(step.parameters()), settings.clip_norm)
    optimizer.step()
    return loss, symbolic


def _crops(pack: Pack, settings: SessionSettings, pieces: np.ndarray, number: int) -> Crops:
    """The crops of a step."""
    draws = np.random.default_rng((settings.seed, number))
    weights = np.array(settings.crop_weights) / sum(settings.crop_weights)
    tokens = int(draws.choice(settings.crop_tokens, p=weights))
    count = max(1, min(settings.crops, settings.batch_tokens // tokens))
    return draw(pack, settings, pieces, tokens, count, int(draws.integers(2**31)))


def _figures(
    number: int, tokens: int, began: float, loss: Tensor, symbolic: Tensor
) -> dict[str, float]:
    return {
        "step": number,
        "seconds": time.monotonic() - began,
        "tokens": tokens,
        "loss": float(loss.detach()),
        "symbolic": float(symbolic.detach()),
    }


@torch.no_grad()
def _held_out(
    step: CropLosses,
    average: dict[str, Tensor],
    pack: Pack,
    settings: SessionSettings,
    pieces: np.ndarray,
) -> float:
    """Cross-entropy of fixed held-out crops, averaged weights, nats a token."""
    own = {k: v.clone() for k, v in step.model.state_dict().items()}
    step.model.load_state_dict(average)
    crop = settings.crop_tokens[min(2, len(settings.crop_tokens) - 1)]
    crops = draw(pack, settings, pieces, crop, max(1, min(32, settings.batch_tokens // crop)), 1)
    loss, _ = step(crops)
    step.model.load_state_dict(own)
    return float(loss)


def save(weights: dict[str, Tensor], out: Path, about: dict[str, Any]) -> None:
    """fp16 weights as `weights-N.safetensors`, each under 16 MiB, and `session.json` last."""
    out.mkdir(parents=True, exist_ok=True)
    files: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in weights.items():
        half = value.half().cpu().contiguous()
        bytes_of = half.numel() * 2
        if size + bytes_of > FILE_BYTES and files[-1]:
            files.append({})
            size = 0
        files[-1][name] = half
        size += bytes_of
    for number, tensors in enumerate(files):
        fresh = out / f".weights-{number}"
        save_file(tensors, fresh)
        os.replace(fresh, out / f"weights-{number}.safetensors")
    (out / "session.json").write_text(json.dumps({**about, "files": len(files)}))


def joined(folder: Path) -> dict[str, Tensor]:
    """All tensors of a session's files."""
    files = json.loads((folder / "session.json").read_text())["files"]
    tensors: dict[str, Tensor] = {}
    for number in range(files):
        tensors.update(load_file(folder / f"weights-{number}.safetensors"))
    return tensors


def main(argv: list[str] | None = None) -> int:
    """Train and print figures."""
    parser = argparse.ArgumentParser("python -m trainers.gpu.session", description=__doc__)
    parser.add_argument("pack", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=SessionSettings.minutes)
    parser.add_argument("--start", type=Path, help="an earlier session's folder, to go on from")
    args = parser.parse_args(argv)
    torch.set_float32_matmul_precision("high")
    pack = Pack(args.pack, torch.device("cuda" if torch.cuda.is_available() else "cpu"))
    for figures in train(pack, args.out, SessionSettings(minutes=args.minutes), args.start):
        print(" ".join(f"{k} {v:.5g}" for k, v in figures.items()), file=sys.stderr, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
