"""The commands of `python -m trainers`."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path

import torch

from core.checkpoints import studio_layout
from core.errors import InputError
from trainers import assembling, audio_store, run_config, tokenising
from trainers.loop import Loop
from trainers.processes import Processes
from trainers.shards import Piece, write_pieces
from trainers.text_tokenizer import train_text_tokenizer


def train(argv: list[str]) -> int:
    """Train what a yaml describes; resumes what is in the output folder. Several processes: start
    it with `python -m accelerate.commands.launch --multi_gpu --num_processes N -m trainers train`
    or `python -m torch.distributed.run --nproc-per-node N -m trainers train`."""
    parser = argparse.ArgumentParser("python -m trainers train", description=train.__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--out", type=Path, help="default: $STUDIO_WORK/runs/NAME-OF-CONFIG")
    parser.add_argument("--threads", type=int, help="instead of the config's")
    parser.add_argument("--steps", type=int, help="instead of the config's")
    parser.add_argument(
        "--minutes",
        type=float,
        help="stop after so much training, resumes counted; instead of the config's",
    )
    args = parser.parse_args(argv)
    run = run_config.read(args.config)
    given = {
        k: v
        for k, v in (("threads", args.threads), ("steps", args.steps), ("minutes", args.minutes))
        if v
    }
    loop = dataclasses.replace(run.loop, **given)
    torch.set_num_threads(loop.threads)
    out = args.out or run_config.folder("$STUDIO_WORK/runs") / args.config.stem
    processes = Processes.launched()
    figures = Loop(run_config.task_of(run), loop, out, run.raw, processes).run()
    processes.end()
    if processes.main:
        print(json.dumps({"folder": str(out), **figures}))
    return 0


def store(argv: list[str]) -> int:
    """Decode a corpus folder into a memory-mapped store at one rate."""
    parser = argparse.ArgumentParser("python -m trainers store", description=store.__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--rate", type=int, default=24000)
    args = parser.parse_args(argv)
    files = audio_store.corpus_files(args.corpus)
    if not files:
        raise InputError("corpus", args.corpus, "holds no finished pieces")
    made = audio_store.build(files, args.rate, args.out)
    seconds = sum(e.frames for e in made.entries) / made.sample_rate
    print(json.dumps({"pieces": len(made.entries), "hours": round(seconds / 3600, 3)}))
    return 0


def tokenise(argv: list[str]) -> int:
    """WavTokenizer tokens of a store's pieces as WebDataset shards, and a text tokenizer."""
    parser = argparse.ArgumentParser("python -m trainers tokenise", description=tokenise.__doc__)
    parser.add_argument("corpus", type=Path, help="folder with ID.json")
    parser.add_argument("store", type=Path, help="audio store at the tokenizer's rate")
    parser.add_argument("model", type=Path, help="folder with wavtokenizer.safetensors")
    parser.add_argument("out", type=Path)
    parser.add_argument(
        "--hificodec",
        type=Path,
        help="folder with hificodec.safetensors: latents are made too, from the corpus's own files",
    )
    parser.add_argument("--text-entries", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    model = studio_layout.load(args.model, "wavtokenizer")
    codec = studio_layout.load(args.hificodec, "hificodec") if args.hificodec else None
    stored = audio_store.AudioStore(args.store)
    entries = {entry.id: entry for entry in stored.entries}
    captions: list[str] = []

    def pieces() -> Iterator[Piece]:
        for piece in tokenising.pieces_of(
            args.corpus,
            list(entries),
            lambda name: tokenising.tokens(model, stored.piece(entries[name])),
            codec,
        ):
            if piece.split == "train":
                captions.extend(piece.captions)
            yield piece

    count = write_pieces(args.out, pieces(), "pieces")
    tokenizer = train_text_tokenizer(captions, args.text_entries, args.out / "tokenizer.json")
    print(json.dumps({"pieces": count, "text_entries": tokenizer.get_vocab_size()}))
    return 0


def assemble(argv: list[str]) -> int:
    """Put a run's components into a model folder that the studio loads."""
    parser = argparse.ArgumentParser("python -m trainers assemble", description=assemble.__doc__)
    parser.add_argument("component", type=Path, help="folder of a run's best or last export")
    parser.add_argument("model", type=Path, help="model folder; made or added to")
    parser.add_argument("--name", help="the model's name in results")
    parser.add_argument(
        "--base",
        type=Path,
        help="model folder of either layout whose other "
        "components a new MODEL takes: what the run was fine-tuned from",
    )
    parser.add_argument("--dtype", choices=("float16", "bfloat16", "float32"), default="float16")
    args = parser.parse_args(argv)
    if args.base:
        assembling.begin(args.model, args.base)
    exported = assembling.add(args.component, args.model, args.name, args.dtype)
    print(json.dumps({"model": str(args.model), "components": exported}))
    return 0
