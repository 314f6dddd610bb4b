"""Crops of a packed corpus, drawn and laid out on the GPU."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from core.errors import InputError
from core.language_model import LanguageModelConfig, sections_within
from core.language_model.model import IGNORED, START_OF_SEQUENCE, TASK


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
