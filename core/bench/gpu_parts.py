"""What `bench gpu` checks and measures, part by part. Needs torch, numpy and safetensors."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from core.checkpoints import studio_layout
from core.hificodec import DecodeStream, HiFiCodec, HiFiCodecConfig
from core.language_model import (
    DecodeBatch,
    DecodeRequest,
    LanguageModel,
    LanguageModelConfig,
    PackedModel,
    decode,
)
from core.language_model.prefix import Prefix
from core.language_model.running import STRIDE
from core.srfm import SRFM, FrameNoise, SRFMConfig, WindowPlan, WindowStream

BASE_SIZES = LanguageModelConfig(896, 24, 14, 2, 64, 4864, 151936, 4096)  # Qwen2.5-0.5B
NANO = Path(__file__).resolve().parents[2] / "assets" / "nano"
TOKENS_PER_SECOND = 75
FIRST_STEPS = 8  # compared with the CPU, where a step of the large models takes long


@dataclass(frozen=True)
class Sizes:
    """What is measured.

    Attributes:
        models: language models by name, random weights; the first is compared with the CPU.
        rows: of the decoder, two a guided request.
        steps: timed in a row.
        seconds: of music made end to end.
        read_bytes: of the memory's rate.
        nano_tokens: a request of nano, at least.
    """

    models: dict[str, LanguageModelConfig]
    srfm: SRFMConfig
    hificodec: HiFiCodecConfig
    rows: tuple[int, ...] = (2, 8, 16, 32)
    steps: int = 320
    seconds: float = 30.0
    read_bytes: int = 2**31
    nano_tokens: int = 150


def official() -> Sizes:
    """The released models' sizes."""
    large = replace(BASE_SIZES, hidden=1536, layers=28, heads=12, head_dim=128, mlp=8960)
    return Sizes({"0.5b": BASE_SIZES, "1.5b": large}, SRFMConfig(), HiFiCodecConfig())


def toy() -> Sizes:
    """Small enough for any CPU, to rehearse every part."""
    small = LanguageModelConfig(48, 2, 4, 2, 16, 64, 200, 40)
    srfm = SRFMConfig(
        vocab_size=40,
        token_width=16,
        latent_dim=8,
        encoder_width=16,
        encoder_feed_forward=32,
        encoder_blocks=1,
        channels=(16, 16),
        heads=2,
        head_dim=8,
        blocks=1,
        mid_blocks=1,
    )
    codec = HiFiCodecConfig(latent_dim=8, codes=16, generator_channels=32, encoder_channels=16)
    return Sizes({"toy": small}, srfm, codec, (2, 4), 20, 1.0, 2**20, nano_tokens=10)


def request(config: LanguageModelConfig, tokens: int, **more: Any) -> DecodeRequest:
    """Guided, of exact length."""
    text = tuple(range(1, min(41, config.text_vocabulary)))
    return DecodeRequest(text, ((0, 0.0, 30.0),), tokens, tokens, **more)


def nano_equals_cpu(device: torch.device, tokens: int) -> dict[str, Any]:
    """Nano in fp32 on the device against the CPU: so many tokens of three seeds."""
    made = []
    for place in (torch.device("cpu"), device):
        model = studio_layout.load(NANO, "language_model", torch.float32, str(place))
        assert isinstance(model, LanguageModel)
        packed = PackedModel(model, "fp32")
        asked = [request(model.config, tokens, seed=seed) for seed in range(3)]
        made.append([step.tokens for step in decode(packed, asked)])
    same = [one == other for one, other in zip(*made)]
    return {"equal": all(same), "tokens": 3 * len(same), "same_steps": sum(same)}


def neighbours(device: torch.device, tokens: int) -> dict[str, Any]:
    """Nano in bf16 and fp32: each request's tokens alone, among others and joined late; and a
    captured step against the same one run eagerly."""
    found = {}
    model = studio_layout.load(NANO, "language_model", torch.float32, str(device))
    assert isinstance(model, LanguageModel)
    for dtype in ("fp32", "bf16"):
        packed = PackedModel(model, dtype)
        lengths = [tokens // 2 + seed * tokens // 4 for seed in range(6)]
        asked = [request(model.config, length, seed=seed) for seed, length in enumerate(lengths)]
        alone = [_tokens(packed, one) for one in asked]
        batch, lanes = DecodeBatch(packed, buckets=True), []
        for one in asked:
            lanes.append(batch.join(one))
            batch.steps(STRIDE)
        while batch.lanes:
            batch.steps(STRIDE)
        found[dtype] = [lane.generated for lane in lanes] == alone
        found[f"{dtype}_eager"] = alone[0] == _tokens(packed, asked[0], capture=False)
    return {"equal": all(found.values()), **found}


def _tokens(packed: PackedModel, asked: DecodeRequest, capture: bool = True) -> list[int]:
    batch = DecodeBatch(packed, buckets=True, capture=capture)
    lane = batch.join(asked)
    while batch.lanes:
        batch.steps(STRIDE)
    return lane.generated


def large_equals_cpu(model: LanguageModel, device: torch.device) -> dict[str, Any]:
    """Random weights in fp32: log-probabilities of the first steps, device against CPU."""
    asked = request(model.config, FIRST_STEPS, temperature=0)
    cpu = list(decode(model, [asked]))
    there = list(decode(model.to(device), [asked]))
    model.to("cpu")
    worst = 0.0
    for one, other in zip(cpu, there):
        audible = one.log_probabilities.isfinite()
        gap = (one.log_probabilities - other.log_probabilities.cpu())[audible]
        worst = max(worst, float(gap.abs().max()))
    tokens = [s.tokens for s in cpu] == [s.tokens for s in there]
    return {"equal": tokens and worst < 1e-3, "largest_difference": worst, "same_tokens": tokens}


def read_rate(device: torch.device, size: int) -> float:
    """Bytes a second that reading memory reaches."""
    memory = torch.ones(size // 4, device=device)
    return size / _median(lambda: memory.sum(), device)


def decode_rates(
    packed: PackedModel, rows: tuple[int, ...], steps: int, read: float
) -> list[dict[str, Any]]:
    """Steps a second by number of rows, and the memory's rate that they reach."""
    config, device = packed.config, packed.device
    weights = sum(p.numel() for p in packed.model.backbone.parameters())
    weights += packed.model.head.weight.numel()
    found = []
    for count in rows:
        batch = DecodeBatch(packed)
        for seed in range(count // 2):
            batch.join(request(config, 3 * STRIDE + steps, seed=seed))
        for _ in range(2):
            batch.steps(STRIDE)  # captured here
        _wait(device)
        began, done = time.perf_counter(), 0
        while done < steps:
            done += len(batch.steps(min(STRIDE, steps - done)) or [0])
        _wait(device)
        rate = done / (time.perf_counter() - began)
        size = weights * packed.model.head.weight.element_size()
        found.append(
            {
                "rows": count,
                "steps_per_second": round(rate, 1),
                "of_read_rate": round(rate * size / read, 3),
                "captured": batch.captures,
            }
        )
    return found


def plain_rate(model: LanguageModel, steps: int) -> float:
    """Steps a second of transformers' own loop over the same weights, two rows."""
    from core.bench.decode import PlainLoop

    asked = request(model.config, steps)
    loop = PlainLoop(model, model.head.weight.dtype)
    loop.read(torch.stack(Prefix(model, asked, official=True).inputs([], 0)).detach())
    for _ in range(STRIDE):
        loop.step(1)
    device = model.head.weight.device
    _wait(device)
    began = time.perf_counter()
    for _ in range(steps):
        int(loop.step(1)[0].argmax())  # a loop that samples on the host waits for each token
    return steps / (time.perf_counter() - began)


@torch.inference_mode()
def end_to_end(packed: PackedModel, sizes: Sizes) -> dict[str, float]:
    """Seconds that the music takes, by part, after a warm-up of one second; peak bytes."""
    device, dtype = packed.device, packed.model.head.weight.dtype
    torch.manual_seed(0)
    srfm = SRFM(sizes.srfm).to(device, dtype).eval()
    codec = HiFiCodec(sizes.hificodec).to(device).eval()
    codec.fold_weight_norm()
    parts: dict[str, float] = {}
    for length in (1.0, sizes.seconds):
        if device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(device)
        count = round(length * TOKENS_PER_SECOND)
        began = time.perf_counter()
        batch = DecodeBatch(packed)
        lane = batch.join(request(packed.config, count))
        while batch.lanes:
            batch.steps(STRIDE)
        parts["language_model"], began = time.perf_counter() - began, time.perf_counter()
        tokens = torch.tensor(lane.generated, device=device)[None] % sizes.srfm.vocab_size
        noise = FrameNoise((0,), sizes.srfm.latent_dim)
        stream = WindowStream(srfm, noise, WindowPlan())
        latents = torch.cat([*stream.feed(tokens), *stream.flush()], 2)
        _wait(device)
        parts["srfm"], began = time.perf_counter() - began, time.perf_counter()
        vocoder = DecodeStream(codec)
        for piece in latents.split(300, 2):
            for sound in vocoder.feed(piece):
                sound.cpu()
        for sound in vocoder.flush():
            sound.cpu()
        parts["vocoder"] = time.perf_counter() - began
    found = {name: round(value, 3) for name, value in parts.items()}
    found["total"] = round(sum(parts.values()), 3)
    if device.type == "cuda":
        found["peak_bytes"] = torch.cuda.max_memory_allocated(device)
    return found


def _median(call: Callable[[], Tensor], device: torch.device, runs: int = 7) -> float:
    call()
    seconds = []
    for _ in range(runs):
        _wait(device)
        began = time.perf_counter()
        call()
        _wait(device)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
