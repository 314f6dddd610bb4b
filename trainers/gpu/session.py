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
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import InputError
from core.language_model import LanguageModel, LanguageModelConfig, sections_within, time_embedding
from core.language_model.backbone import rotary_tables
from core.language_model.model import IGNORED, START_OF_SEQUENCE, TASK
from trainers.losses.symbolic_loss import symbolic_losses

FILE_BYTES = 15 * 2**20


@dataclass(frozen=True)
class SessionSettings:
    """How a session trains.

    Attributes:
        minutes: of the whole session, compilation included.
        steps: at most so many; None: until the time is over.
        batch_tokens: audio tokens of a step, at most.
        crops: of a step at most; short ones would otherwise be drawn slower than learnt from.
        crop_tokens, crop_weights: lengths of crops and how often each is drawn.
        text_tokens: of a caption at most.
        drop_text: share of crops without text.
        symbolic: weight of the symbolic targets' loss.
        learning_rate: after `warmup_steps`; it falls to 0 over the last `falling` of the minutes
            (or of the steps).
        average: decay of the averaged weights.
        save_minutes: between checkpoints.
        compiled: whether the blocks go through torch.compile.
    """

    minutes: float = 10.0
    steps: int | None = None
    batch_tokens: int = 65_536
    crops: int = 512
    crop_tokens: tuple[int, ...] = (24, 156, 756, 2232)
    crop_weights: tuple[float, ...] = (0.2, 0.2, 0.35, 0.25)
    text_tokens: int = 96
    drop_text: float = 0.15
    symbolic: float = 0.1
    learning_rate: float = 1.5e-3
    warmup_steps: int = 200
    falling: float = 0.2
    weight_decay: float = 0.1
    average: float = 0.999
    clip_norm: float = 1.0
    save_minutes: float = 2.0
    seed: int = 0
    compiled: bool = True


class Pack:
    """What `trainers.gpu.pack` wrote, in memory; see there."""

    def __init__(self, folder: Path, device: torch.device) -> None:
        about = json.loads((folder / "pack.json").read_text())
        self.model = LanguageModelConfig(**about["model"])
        self.present: dict[str, int] = about["present"]
        self.classes: dict[str, int] = about["classes"]
        self.pieces: list[list[Any]] = about["pieces"]
        codes = np.frombuffer((folder / "tokens.u8").read_bytes(), np.uint8).astype(np.int16)
        part = self.model.audio_vocabulary // self.model.slots
        for _, at, length, _, _ in self.pieces:
            codes[at : at + length] += np.arange(length, dtype=np.int16) % self.model.slots * part
        self.tokens = torch.from_numpy(codes).to(device)
        self.most_sections = max(len(row[4]) for row in self.pieces)
        texts = np.frombuffer((folder / "captions.u16").read_bytes(), np.uint16).astype(np.int64)
        self.captions, first = [], 0
        for row in self.pieces:
            ends = first + np.cumsum(row[3])
            self.captions.append(np.split(texts[first : ends[-1]], ends[:-1] - first))
            first = int(ends[-1])
        self.symbolic = torch.from_numpy(self._targets(folder)).to(device)  # [tokens + pieces, C]

    def _targets(self, folder: Path) -> np.ndarray:
        data = zlib.decompress((folder / "symbolic.z").read_bytes())
        columns = sum(self.present.values()) + len(self.classes)
        tables, first = [], 0
        for _, _, length, _, _ in self.pieces:
            size = columns * (length + 1)
            table = np.frombuffer(data[first : first + size], np.uint8).reshape(columns, -1)
            tables.append(np.cumsum(table, axis=1, dtype=np.uint8).T)
            first += size
        return np.concatenate(tables)

    def of(self, split: str) -> np.ndarray:
        """Numbers of a split's pieces."""
        return np.array([n for n, row in enumerate(self.pieces) if row[0] == split])


@dataclass(frozen=True)
class Crops:
    """Crops of one length, laid out: conditions, audio, padding; N positions each.

    Attributes:
        ids: [B, N] rows of the joined table of embeddings (text, audio, markers, structures).
        seconds: [B, N] float64 of positions that are times, elsewhere -1.
        targets: [B, N], IGNORED where nothing is to be predicted.
        symbolic: [B, N, C] uint8, 0 where targets are IGNORED.
    """

    ids: Tensor
    seconds: Tensor
    targets: Tensor
    symbolic: Tensor


def draw(
    pack: Pack, settings: SessionSettings, pieces: np.ndarray, tokens: int, count: int, seed: int
) -> Crops:
    """`count` crops of `tokens` tokens; a piece that is long enough is drawn in proportion to its
    length.

    Raises: InputError when no piece is long enough.
    """
    rng = np.random.default_rng(seed)
    config, device = pack.model, pack.tokens.device
    pieces = pieces[[pack.pieces[n][2] >= tokens for n in pieces]]
    if not len(pieces):
        raise InputError("crop_tokens", tokens, "no piece is so long; ask for shorter crops")
    lengths = np.array([pack.pieces[n][2] for n in pieces], float)
    chosen = pieces[rng.choice(len(pieces), count, p=lengths / lengths.sum())]
    starts, prefixes, times, rows = [], [], [], []
    markers = config.text_vocabulary + config.audio_vocabulary
    for number in chosen:
        _, at, length, _, sections = pack.pieces[number]
        start = int(rng.integers(length - tokens + 1))
        start -= start % config.token_group
        captions = pack.captions[number]
        text = captions[int(rng.integers(len(captions)))][: settings.text_tokens]
        if rng.random() < settings.drop_text:
            text = text[:0]
        rate = config.token_rate
        inside = sections_within(
            [tuple(s) for s in sections], start / rate, (start + tokens) / rate
        )
        structures = [markers + 2 + s[0] for s in inside]
        blank = [0] * (2 * len(inside))
        prefixes.append(
            [markers + START_OF_SEQUENCE, *blank, *structures, *text.tolist(), markers + TASK]
        )
        times.append([-1.0, *(s[1] for s in inside), *(s[2] for s in inside)])
        starts.append(at + start)
        rows.append(at + int(number) + start)
    longest = 2 + 3 * pack.most_sections + settings.text_tokens
    prefix, seconds = np.zeros((count, longest), np.int64), np.full((count, longest), -1.0)
    for n, (ids, when) in enumerate(zip(prefixes, times)):
        prefix[n, : len(ids)], seconds[n, : len(when)] = ids, when
    before = torch.tensor([len(p) for p in prefixes], device=device)[:, None]  # [B, 1]
    step = torch.arange(tokens + 1, device=device)
    audio = pack.tokens[torch.tensor(starts, device=device)[:, None] + step[:-1]].long()
    audio = F.pad(audio, (0, 1), value=config.end_token)  # [B, T + 1]
    told = pack.symbolic[torch.tensor(rows, device=device)[:, None] + step]  # [B, T + 1, C]
    place = torch.arange(longest + tokens, device=device)[None]  # [1, N]
    here, ahead = place - before, place - before + 1  # tokens that stand here and come next
    is_audio, predicts = (here >= 0) & (here < tokens), (ahead >= 0) & (ahead <= tokens)
    stands, comes = (x.clamp(0, tokens) for x in (here, ahead))
    padded = F.pad(torch.from_numpy(prefix).to(device), (0, tokens))
    return Crops(
        torch.where(is_audio, config.text_vocabulary + audio.gather(1, stands), padded),
        F.pad(torch.from_numpy(seconds), (0, tokens), value=-1.0).to(device),
        torch.where(predicts, audio.gather(1, comes), IGNORED),
        told.gather(1, comes[..., None].expand(-1, -1, told.shape[2])) * predicts[..., None],
    )


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
    parameters = list(step.parameters())
    optimizer = torch.optim.AdamW(
        parameters,
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
            for group in optimizer.param_groups:
                group["lr"] = settings.learning_rate * max(0.0, rate)
            loss, symbolic = step(crops)
            optimizer.zero_grad(set_to_none=True)
            (loss + settings.symbolic * symbolic).backward()
            nn.utils.clip_grad_norm_(parameters, settings.clip_norm)
            optimizer.step()
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
