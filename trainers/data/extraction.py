"""From sound to WebDataset shards of tokens (and latents): many processes, resumable, any place.

    SOURCE   a corpus folder (ID.flac, ID.json), or WebDataset tars of sound with json or txt
    OUT      a folder, or an address that fsspec writes (s3://..., gs://..., memory://...)

A shard is done when `NAME.json` stands beside `NAME.tar`: its digest covers the codecs and all that
is known of the pieces, so that a second run does what is new alone. What a stopped run had of an
unfinished shard lies in `tokens-DIGEST`, a file a piece. An old shard goes when a new one has
taken its place.
"""

from __future__ import annotations

import functools
import hashlib
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from core.checkpoints import opening
from core.errors import InputError
from core.hificodec import HiFiCodec
from core.wavtokenizer import WavTokenizer
from core.workspace import pause_while_claimed, work_folder
from trainers.data.files import fresh_file
from trainers.data.places import ShardTarget
from trainers.data.shards import TokenizedPiece, write_shard
from trainers.preparation.workers import run_each

REPORT_SECONDS = 10.0


@dataclass(frozen=True)
class Sounding:
    """One piece before it is tokenised.

    Attributes:
        read: its mono sound float32 [T] at a rate.
        about: split, captions, sections (structure, start s, end s) and facts.
        notes: its score (`trainers.data.shards`), where it has one.
    """

    id: str
    read: Callable[[int], np.ndarray]
    about: dict[str, Any]
    notes: np.ndarray | None = None


@dataclass(frozen=True)
class WorkUnit:
    """One shard to be: its name, how many pieces, and how they are read."""

    name: str
    count: int
    pieces: Callable[[], Iterator[Sounding]]
    digest: str


@dataclass(frozen=True)
class ExtractionOptions:
    """How it is done; none of it changes a token.

    Attributes:
        wavtokenizer, hificodec: model folders; None: no latents.
        workers: processes, each with one thread.
        batch: pieces of equal length that are encoded together.
        device: cpu or cuda.
        part, parts: this machine's share of the shards, counted from 0.
        keep_tokens: leave the file of each piece, for corpora that change.
    """

    wavtokenizer: Path
    hificodec: Path | None = None
    workers: int = 1
    batch: int = 1
    device: str = "cpu"
    part: int = 0
    parts: int = 1
    keep_tokens: bool = False

    def __post_init__(self) -> None:
        for name in ("workers", "batch", "parts"):
            if getattr(self, name) < 1:
                raise InputError(name, getattr(self, name), "give a whole number of at least 1")
        if not 0 <= self.part < self.parts:
            raise InputError("part", f"{self.part}/{self.parts}", "give I/N with 0 <= I < N")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise InputError("device", self.device, "no GPU is here; leave it out")
        if self.device == "cuda" and self.workers > 1:
            raise InputError("workers", self.workers, "one process feeds a GPU; raise --batch")


@functools.cache
def codec_of(folder: Path, component: str, device: str) -> Any:
    """A codec, once in a process."""
    return opening.open_component(folder, component).to(device)


@functools.cache
def codec_digest(folder: Path, component: str) -> str:
    """12 hex digits of all weights of a codec."""
    return digest_of(codec_of(folder, component, "cpu"))


def digest_of(model: nn.Module) -> str:
    """12 hex digits of all weights, in fp32."""
    found = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        found.update(name.encode() + value.float().cpu().numpy().tobytes())
    return found.hexdigest()[:12]


@torch.inference_mode()
def encode(
    model: WavTokenizer, samples: Sequence[np.ndarray], device: str = "cpu"
) -> list[np.ndarray]:
    """WavTokenizer tokens, uint16 [N] each, of mono sounds [T] of one length at its rate."""
    sound = torch.from_numpy(np.stack(samples))[:, None].to(device)  # [B, 1, T]
    return list(model.encode(sound).cpu().numpy().astype(np.uint16))


@torch.inference_mode()
def latents(
    model: HiFiCodec, samples: Sequence[np.ndarray], device: str = "cpu"
) -> list[np.ndarray]:
    """HiFi-Codec latents, float16 [D, M] each, of mono sounds [T] of one length at its rate."""
    sound = torch.from_numpy(np.stack(samples))[:, None].to(device)  # [B, 1, T]
    return list(model.latents(sound).cpu().numpy().astype(np.float16))


def extract(
    units: Sequence[WorkUnit], out: ShardTarget, options: ExtractionOptions, codecs: dict[str, str]
) -> dict[str, int]:
    """Make the shards that are not there; returns counts of shards and pieces, done now and
    before.

    Args:
        codecs: component -> digest.
    """
    mine = units[options.part :: options.parts]
    done = {"shards": 0, "pieces": 0, "shards_before": 0, "pieces_before": 0}
    cache = _cache(out, codecs)
    todo = []
    for unit in mine:
        if out.read_json(f"{unit.name}.json").get("digest") == unit.digest:
            done["shards_before"] += 1
            done["pieces_before"] += unit.count
        else:
            todo.append(unit)
    print(
        f"{done['shards_before']} of {len(mine)} shards are there, {len(todo)} to make",
        file=sys.stderr,
        flush=True,
    )
    clock = _Clock(sum(unit.count for unit in todo))
    for unit in todo:
        done["pieces"] += _make(unit, out, cache, options, codecs, clock)
        done["shards"] += 1
    return done


def remove_old(units: Sequence[WorkUnit], out: ShardTarget) -> None:
    """Shards of an earlier run that are none of these any more."""
    wanted = {f"{unit.name}{suffix}" for unit in units for suffix in (".tar", ".json")}
    for name in out.names(".tar"):
        if name not in wanted:
            out.remove(name)
            out.remove(name.removesuffix(".tar") + ".json")


def all_done(units: Sequence[WorkUnit], out: ShardTarget) -> bool:
    """Whether every shard stands, whoever made it."""
    return all(out.read_json(f"{unit.name}.json").get("digest") == unit.digest for unit in units)


def _cache(out: ShardTarget, codecs: dict[str, str]) -> Path:
    name = "tokens-" + "-".join(codecs[c] for c in sorted(codecs, reverse=True))
    if out.folder is not None:
        return out.folder / name
    return work_folder() / "extraction" / hashlib.sha256(str(out).encode()).hexdigest()[:16] / name


class _Clock:
    """Says how far it is."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.seconds = total, 0, 0.0
        self.began = self.shown = time.monotonic()

    def step(self, seconds: float) -> None:
        self.done, self.seconds = self.done + 1, self.seconds + seconds
        now = time.monotonic()
        if now - self.shown > REPORT_SECONDS or self.done == self.total:
            self.shown, took = now, now - self.began
            left = took / self.done * max(0, self.total - self.done)
            print(
                f"tokenised {self.done} of {self.total or '?'}, "
                f"{self.seconds / max(took, 1e-9):.1f} times real time, {left / 60:.0f} min left",
                file=sys.stderr,
                flush=True,
            )


def _make(
    unit: WorkUnit,
    out: ShardTarget,
    cache: Path,
    options: ExtractionOptions,
    codecs: dict[str, str],
    clock: _Clock,
) -> int:
    """One shard; returns its pieces."""
    cache.mkdir(parents=True, exist_ok=True)
    order: list[Sounding] = []
    waiting: list[Sounding] = []
    for piece in unit.pieces():
        order.append(piece)
        made = (cache / f"{piece.id}.npy").is_file() and (
            options.hificodec is None or (cache / f"{piece.id}.latents.npy").is_file()
        )
        if not made:
            waiting.append(piece)
        else:
            clock.step(0.0)
    batches = [tuple(waiting[n : n + options.batch]) for n in range(0, len(waiting), options.batch)]
    work = functools.partial(_encode_batch, cache=cache, options=options)
    results = (
        run_each(work, batches, options.workers, spawn=True)
        if options.workers > 1
        else ((batch, work(batch)) for batch in batches)
    )
    for batch, seconds in results:
        pause_while_claimed()
        if seconds is None:
            raise InputError(
                "piece", batch[0].id, "stopped its encoder (too little memory?); give fewer workers"
            )
        for one in seconds:
            clock.step(one)
    with out.fresh(f"{unit.name}.tar") as path:
        write_shard(path, (_piece(sounding, cache, options, codecs) for sounding in order))
    out.write_json(f"{unit.name}.json", {"digest": unit.digest, "pieces": len(order), **codecs})
    if not options.keep_tokens:
        for piece in order:
            for suffix in (".npy", ".latents.npy"):
                (cache / f"{piece.id}{suffix}").unlink(missing_ok=True)
    return len(order)


def _encode_batch(
    batch: tuple[Sounding, ...], cache: Path, options: ExtractionOptions
) -> list[float]:
    """Encode pieces into the cache; returns their seconds."""
    if options.workers > 1:
        torch.set_num_threads(1)
    seconds = []
    kinds: list[tuple[str, Path, Callable[..., list[np.ndarray]], str]] = [
        ("wavtokenizer", options.wavtokenizer, encode, ".npy")
    ]
    if options.hificodec is not None:
        kinds.append(("hificodec", options.hificodec, latents, ".latents.npy"))
    for component, folder, function, suffix in kinds:
        model = codec_of(folder, component, options.device)
        rate: int = model.sample_rate
        sounds = [piece.read(rate) for piece in batch]
        seconds = [len(sound) / rate for sound in sounds]
        for length in {len(sound) for sound in sounds}:
            same = [n for n, sound in enumerate(sounds) if len(sound) == length]
            for n, made in zip(same, function(model, [sounds[i] for i in same], options.device)):
                with fresh_file(cache / f"{batch[n].id}{suffix}") as part, open(part, "wb") as file:
                    np.save(file, made, allow_pickle=False)
    return seconds


def _piece(
    sounding: Sounding, cache: Path, options: ExtractionOptions, codecs: dict[str, str]
) -> TokenizedPiece:
    about = sounding.about
    made = np.load(cache / f"{sounding.id}.npy", allow_pickle=False)
    other = None
    if options.hificodec is not None:
        other = np.load(cache / f"{sounding.id}.latents.npy", allow_pickle=False)
    return TokenizedPiece(
        sounding.id,
        about["split"],
        tuple(about["captions"]),
        tuple((s, float(a), float(b)) for s, a, b in about["sections"]),
        made,
        other,
        about["facts"],
        sounding.notes,
        codecs,
    )
