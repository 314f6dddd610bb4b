"""Tiny runs of the four trainers on data made here."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import yaml

from core.checkpoints import studio_layout
from core.language_model import LanguageModelExample
from trainers.corpus import compose
from trainers.data.shards import TokenizedPiece, write_pieces
from trainers.data.text_tokenizer import train_text_tokenizer

LOOP = {"steps": 10, "warmup_steps": 2, "validate_every": 5, "sample_every": 10, "log_every": 1}
WAVTOKENIZER = {
    "task": "wavtokenizer",
    "model": {
        "encoder": "logmel",
        "quantizer": "factorised",
        "feature_dim": 16,
        "encoder_dim": 16,
        "encoder_intermediate": 16,
        "encoder_layers": 1,
        "codebook_size": 64,
        "decoder_dim": 16,
        "decoder_intermediate": 16,
        "decoder_layers": 1,
        "decoder_bandwidths": 0,
        "decoder_pos_net": False,
    },
    "training": {"batch": 2, "crop_seconds": 0.2, "unquantized_steps": 3, "validation_crops": 2},
    "loop": LOOP,
}
HIFICODEC = {
    "task": "hificodec",
    "model": {
        "latent_dim": 8,
        "codes": 32,
        "encoder": "logmel",
        "generator": "vocos",
        "restart_below": 0.05,
        "mel_width": 16,
        "mel_hidden": 16,
        "mel_layers": 1,
        "vocos_width": 16,
        "vocos_hidden": 16,
        "vocos_layers": 1,
    },
    # Discriminators come in while it runs, so that stop and resume cover them too.
    "training": {
        "batch": 2,
        "crop_seconds": 0.1,
        "unquantized_steps": 3,
        "validation_crops": 2,
        "adversarial_from": 5,
    },
    "loop": LOOP,
}
LANGUAGE_MODEL = {
    "task": "language_model",
    "model": {
        "hidden": 32,
        "layers": 2,
        "heads": 2,
        "kv_heads": 1,
        "head_dim": 16,
        "mlp": 32,
        "text_vocabulary": 300,
        "audio_vocabulary": 64,
    },
    "training": {
        "batch_tokens": 600,
        "crop_seconds": [1.0, 2.0],
        "crop_weights": [0.5, 0.5],
        "validation_crops": 8,
        "bf16": False,
    },
    "loop": LOOP,
}
SRFM = {
    "task": "srfm",
    "model": {
        "vocab_size": 64,
        "token_width": 16,
        "latent_dim": 8,
        "encoder_width": 16,
        "encoder_heads": 2,
        "encoder_feed_forward": 16,
        "encoder_blocks": 1,
        "encoder_window": 16,
        "encoder_dropout": 0.0,
        "regulator_layers": 1,
        "channels": [16, 16],
        "patch": 2,
        "heads": 2,
        "head_dim": 8,
        "blocks": 1,
        "mid_blocks": 1,
        "attention_window": 8,
        "attention_mask": "exclude",
        "feed_forward_factor": 1,
        "time_factor": 1,
        "norm": "layer",
        "activation": "silu",
    },
    "training": {"batch": 4, "crop_tokens": 30, "validation_crops": 8, "bf16": False},
    "loop": LOOP,
}
RUNS = {run["task"]: run for run in (WAVTOKENIZER, HIFICODEC, LANGUAGE_MODEL, SRFM)}


def pieces(count: int = 6, seconds: float = 4.0) -> list[TokenizedPiece]:
    """Pieces whose next token follows from the last one; the last piece is held out."""
    draw = np.random.default_rng(0)
    made = []
    for number in range(count):
        tokens = (np.arange(round(75 * seconds)) * (number % 3 + 1) + draw.integers(64)) % 64
        latents = np.sin(tokens.repeat(2)[None] * np.arange(1, 9)[:, None] / 9)  # [8, 2N]
        made.append(
            TokenizedPiece(
                f"piece {number}",
                "validation" if number == count - 1 else "train",
                (f"a calm piece of kind {number % 3}", "piano and strings"),
                (("intro", 0.0, 1.0), ("verse", 1.0, seconds)),
                tokens,
                latents.astype(np.float16),
                {},
            )
        )
    return made


def shards(folder: Path, seconds: float = 4.0, facts: bool = False) -> Path:
    """A folder of shards with its text tokenizer; with `facts`, they are a corpus piece's, and
    captions name tempo or key."""
    made = pieces(seconds=seconds)
    if facts:
        composed = compose(0)
        known = composed.record()
        said = (f"calm, {round(known['tempo'])} bpm", f"{known['key']} {known['mode']}")
        score = composed.score()
        made = [replace(p, captions=said, facts=known, notes=score) for p in made]
    write_pieces(folder, made, "pieces")
    train_text_tokenizer([c for p in made for c in p.captions], 300, folder / "tokenizer.json")
    return folder


def store(folder: Path, rate: int, seconds: int = 2) -> Path:
    """An audio store of a few tones."""
    folder.mkdir(parents=True)
    time = np.arange(seconds * rate) / rate
    tones = [0.3 * np.sin(2 * np.pi * 110 * (n + 2) * time) for n in range(4)]
    np.concatenate(tones).astype(np.float16).tofile(folder / "audio.f16")
    entries = [
        [f"tone-{n}", "validation" if n == 3 else "train", n * len(time), len(time)]
        for n in range(4)
    ]
    (folder / "index.json").write_text(json.dumps({"sample_rate": rate, "entries": entries}))
    return folder


def data_of(work: Path, task: str) -> dict[str, str]:
    """The `data` part of a run's config over `work/shards`, `store-24000` and `store-48000`."""
    if task in ("wavtokenizer", "hificodec"):
        return {"folder": str(work / ("store-24000" if task == "wavtokenizer" else "store-48000"))}
    data = {"shards": str(work / "shards")}
    if task == "language_model":
        data["text_tokenizer"] = str(work / "shards/tokenizer.json")
    return data


def write(path: Path, run: dict, data: dict[str, str], **changed: dict) -> Path:
    """A config file; `changed` settings of its parts are merged in."""
    merged = {k: {**v, **changed.get(k, {})} if isinstance(v, dict) else v for k, v in run.items()}
    merged.update({k: v for k, v in changed.items() if k not in merged})
    path.write_text(yaml.safe_dump({**merged, "data": data}))
    return path


def example(tokens: list[int]) -> LanguageModelExample:
    """An example of these tokens with a short text and one section."""
    return LanguageModelExample([1, 2, 3], tokens, [(1, 0.0, len(tokens) / 75)])


def model_folder(folder: Path, tokenizer: Path) -> Path:
    """A model without flow, of random weights, whose sizes are those of the runs above."""
    torch.manual_seed(0)
    for run in (WAVTOKENIZER, LANGUAGE_MODEL):
        kind, config = studio_layout.component_class(run["task"])
        module = kind(studio_layout.config_from_json(config, run["model"]))
        studio_layout.save(folder, run["task"], module, about={"about": {"name": folder.name}})
    shutil.copyfile(tokenizer, folder / "tokenizer.json")
    return folder
