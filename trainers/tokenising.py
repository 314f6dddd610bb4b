"""Pieces of a corpus folder as tokens (and latents), one after the other."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from core import audio
from core.workspace import pause_while_claimed
from trainers.shards import Piece

REPORT_SECONDS = 10.0


def pieces_of(
    corpus: Path,
    ids: Sequence[str],
    tokens_of: Callable[[str], np.ndarray],
    codec: nn.Module | None = None,
) -> Iterator[Piece]:
    """Pieces of a corpus folder (ID.json, ID.flac) in the order of `ids`.

    Args:
        tokens_of: a piece's WavTokenizer tokens, uint16 [N], by its id.
        codec: the HiFi-Codec by which latents are made too.
    """
    shown = time.monotonic()
    for number, name in enumerate(ids, 1):
        pause_while_claimed()
        about = json.loads((corpus / f"{name}.json").read_text(encoding="utf-8"))
        tokens = tokens_of(name)
        latents = _latents(codec, corpus / f"{name}.flac") if codec else None
        facts = {k: v for k, v in about.items() if k not in ("captions", "sections", "split", "id")}
        if time.monotonic() - shown > REPORT_SECONDS:
            shown = time.monotonic()
            print(f"tokenised {number} of {len(ids)}", file=sys.stderr, flush=True)
        sections = tuple((s["structure"], s["start_s"], s["end_s"]) for s in about["sections"])
        score = corpus / f"{name}.notes.npy"
        yield Piece(
            name,
            about["split"],
            tuple(about["captions"]),
            sections,
            tokens,
            latents,
            facts,
            np.load(score, allow_pickle=False) if score.is_file() else None,
        )


@torch.inference_mode()
def tokens(model: nn.Module, samples: np.ndarray) -> np.ndarray:
    """WavTokenizer tokens, uint16 [N], of mono sound [T] at the model's rate."""
    sound = torch.from_numpy(samples)[None, None]  # [1, 1, T]
    return model.encode(sound)[0].numpy().astype(np.uint16)


def mono(path: Path, rate: int) -> np.ndarray:
    """A file's sound as one channel, float32 [T] at `rate`."""
    sound = audio.read(path)
    return audio.resample(sound.mono(), sound.sample_rate, rate)


@torch.inference_mode()
def _latents(codec: nn.Module, path: Path) -> np.ndarray:
    """Latents [D, M] of a file, float16."""
    samples = torch.from_numpy(mono(path, codec.sample_rate))[None, None]  # [1, 1, T]
    return codec.latents(samples)[0].numpy().astype(np.float16)
