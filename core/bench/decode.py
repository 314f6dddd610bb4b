"""`bench decode`: a step of the 0.5B language model (random weights) at batch 2, with guidance.

The baseline is the plain loop: transformers' Qwen2ForCausalLM with its DynamicCache and the whole
151k-row head, then InspireMusic's own head, as the released code runs it. All read the same
inputs, in the released form of guidance (two rows of one length).
"""

from __future__ import annotations

import argparse
import copy
import functools
import statistics
from collections.abc import Callable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from core.bench.measuring import RUNS, alternate, ceilings, ratio, report
from core.checkpoints.load_bench import BASE
from core.compatibility import ready_torchaudio, ready_torchvision
from core.language_model import (
    DecodeRequest,
    LanguageModel,
    LanguageModelConfig,
    PackedModel,
    decode,
)
from core.language_model.prefix import Prefix
from core.workspace import claim_machine

TEXT = tuple(range(1, 41))
CHECKED_STEPS = 4


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of `bench decode`."""
    parser.add_argument("--runs", type=int, default=RUNS, help="rounds of alternating runs")
    parser.add_argument(
        "--steps",
        type=int,
        default=32,
        help="steps a run, the first of which "
        "reads weights that other loops pushed out of the caches",
    )


class PlainLoop:
    """transformers' model over the same weights; it copies none but for a change of dtype."""

    def __init__(self, model: LanguageModel, dtype: torch.dtype) -> None:
        ready_torchvision()  # transformers reaches for both
        ready_torchaudio()
        from transformers import DynamicCache, Qwen2Config, Qwen2ForCausalLM

        from core.checkpoints.official.language_model import official_name

        c = model.config
        config = Qwen2Config(
            vocab_size=c.text_vocabulary,
            hidden_size=c.hidden,
            intermediate_size=c.mlp,
            num_hidden_layers=c.layers,
            num_attention_heads=c.heads,
            num_key_value_heads=c.kv_heads,
            rms_norm_eps=c.eps,
            tie_word_embeddings=True,
            **cast(dict[str, Any], {"head_dim": c.head_dim}),  # its annotations leave it out
            rope_parameters={"rope_type": "default", "rope_theta": c.rope_theta},
        )
        with torch.device("meta"):
            self.qwen = Qwen2ForCausalLM(config)
        weights = {
            official_name(name, c).removeprefix("llm.model."): value
            for name, value in model.state_dict().items()
            if name.startswith("backbone.")
        }
        weights["model.embed_tokens.weight"] = model.text_embedding.weight.detach()
        weights["lm_head.weight"] = weights["model.embed_tokens.weight"]
        self.qwen.load_state_dict(weights, assign=True)
        # What no checkpoint holds (rotary frequencies) is still on the meta device.
        rotary = type(self.qwen.model.rotary_emb)(config).to(model.head.weight.device)
        self.qwen.model.rotary_emb = rotary
        if dtype != torch.float32:
            self.qwen = copy.deepcopy(self.qwen)
            nn.Module.to(self.qwen, dtype)
        self.qwen.eval()
        self.audio = model.audio_embedding.weight.detach().to(dtype)
        self.head = copy.deepcopy(model.head).to(dtype)
        self.dtype, self.cache = dtype, DynamicCache()

    @torch.inference_mode()
    def read(self, inputs: Tensor) -> Tensor:
        """[2, N, hidden] -> logits [2, V + 1] after its last position."""
        made = self.qwen(
            inputs_embeds=inputs.to(self.dtype),
            past_key_values=self.cache,
            use_cache=True,
            output_hidden_states=True,
        )
        return self.head(made.hidden_states[-1][:, -1]).float()

    def step(self, token: int) -> Tensor:
        """One token for both rows -> logits [2, V + 1]."""
        return self.read(self.audio[token].expand(2, 1, -1))


def run(args: argparse.Namespace) -> None:
    """Measure and print."""
    with claim_machine():
        found = measure(args.runs, args.steps)
    lines = [
        f"0.5B language model, random weights, batch 2; {found['threads']} threads; "
        f"{args.runs} alternating runs of {args.steps} steps, medians",
        f"fp32 log-probabilities: ours and plain differ by {found['fp32_difference']:.1e} "
        "at most (limit 1e-4)",
        f"{'loop':12}{'ms a step':>11}{'x plain bf16':>14}{'weights GB/s':>14}"
        f"{'of memory rate':>16}",
    ]
    lines += [
        f"{name:12}{row['milliseconds']:11.1f}{row['times_plain_bf16']:14.2f}"
        f"{row['gbytes']:14.1f}{row['of_read_rate']:16.0%}"
        for name, row in found["loops"].items()
    ]
    lines.append(f"machine: {found['machine']}\nNot measured: a GPU; trained weights.")
    report("decode", found, lines, args.json)


def measure(runs: int, steps: int, model: LanguageModel | None = None) -> dict[str, Any]:
    """Time every loop over `model` (default: 0.5B, random)."""
    torch.manual_seed(0)
    model = (model or LanguageModel(cast(LanguageModelConfig, BASE["language_model"]))).eval()
    count = (runs + 1) * steps + CHECKED_STEPS + 2
    request = DecodeRequest(
        TEXT[: model.config.text_vocabulary - 1], ((0, 0.0, 10.0),), count, count, temperature=0
    )
    inputs = torch.stack(Prefix(model, request, official=True).inputs([], 0)).detach()
    difference = _difference(model, request, inputs)
    loops: dict[str, Callable[[], object]] = {}
    for name, dtype in (("plain fp32", torch.float32), ("plain bf16", torch.bfloat16)):
        loop = PlainLoop(model, dtype)
        loop.read(inputs)
        loops[name] = _several(steps, functools.partial(loop.step, 1))
    for kept in ("fp32", "bf16", "int8"):
        written = decode(PackedModel(model, kept), [request], compat="official")
        next(written)  # reads the prefix
        loops[f"ours {kept}"] = _several(steps, functools.partial(next, written))
    blocks = sum(p.numel() for p in model.backbone.parameters()) + model.head.weight.numel()
    table = model.text_embedding.weight.numel()
    sizes = {
        "plain fp32": 4 * (blocks + table),
        "plain bf16": 2 * (blocks + table),
        "ours fp32": 4 * blocks,
        "ours bf16": 2 * blocks,
        "ours int8": blocks,
    }
    machine = ceilings()
    seconds = alternate(loops, runs)
    rows = {}
    for name, values in seconds.items():
        step = statistics.median(values) / steps
        rate = sizes[name] / step / 1e9
        rows[name] = {
            "milliseconds": round(step * 1e3, 2),
            "gbytes": round(rate, 2),
            "times_plain_bf16": round(ratio(seconds, "plain bf16", name), 3),
            "of_read_rate": round(rate / machine["read_gbytes"], 3),
        }
    return {
        "loops": rows,
        "fp32_difference": difference,
        "threads": torch.get_num_threads(),
        "runs": runs,
        "steps": steps,
        "machine": machine,
        "weights": "random",
    }


def _several(steps: int, call: Callable[[], object]) -> Callable[[], None]:
    def several() -> None:
        for _ in range(steps):
            call()

    return several


def _difference(model: LanguageModel, request: DecodeRequest, inputs: Tensor) -> float:
    """Largest difference of guided log-probabilities over the same tokens, fp32."""
    loop, worst = PlainLoop(model, torch.float32), 0.0
    logits = loop.read(inputs)
    ours: Iterator = decode(PackedModel(model, "fp32"), [request], compat="official")
    for _ in range(CHECKED_STEPS):
        step = next(ours)
        mixed = request.guidance * logits[0] + (1 - request.guidance) * logits[1]
        audible = slice(0, model.config.audio_vocabulary)  # the end token is barred in ours
        wanted = mixed.log_softmax(-1)[audible]
        worst = max(worst, float((step.log_probabilities[0, audible] - wanted).abs().max()))
        logits = loop.step(step.tokens[0])
    return worst
