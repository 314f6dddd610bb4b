"""The commands of `python -m trainers`."""

from __future__ import annotations

import argparse
import dataclasses
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from core import audio
from core.checkpoints import studio_layout
from core.errors import InputError
from core.workspace import pause_while_claimed
from trainers import audio_store, run_config
from trainers.loop import Loop
from trainers.shards import Piece, write_pieces
from trainers.text_tokenizer import train_text_tokenizer


def train(argv: list[str]) -> int:
    """Train what a yaml describes; resumes what is in the output folder."""
    parser = argparse.ArgumentParser("python -m trainers train", description=train.__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--out", type=Path, help="default: $STUDIO_WORK/runs/NAME-OF-CONFIG")
    parser.add_argument("--threads", type=int, help="instead of the config's")
    parser.add_argument("--steps", type=int, help="instead of the config's")
    args = parser.parse_args(argv)
    run = run_config.read(args.config)
    given = {k: v for k, v in (("threads", args.threads), ("steps", args.steps)) if v}
    loop = dataclasses.replace(run.loop, **given)
    torch.set_num_threads(loop.threads)
    out = args.out or run_config.folder("$STUDIO_WORK/runs") / args.config.stem
    figures = Loop(run_config.task_of(run), loop, out, run.raw).run()
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
    parser.add_argument("--hificodec", type=Path, help="folder with hificodec.safetensors: "
                        "latents are made too, from the corpus's own files")
    parser.add_argument("--text-entries", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    model = studio_layout.load(args.model, "wavtokenizer")
    codec = studio_layout.load(args.hificodec, "hificodec") if args.hificodec else None
    stored = audio_store.AudioStore(args.store)
    captions: list[str] = []

    def pieces() -> Iterator[Piece]:
        for number, entry in enumerate(stored.entries):
            pause_while_claimed()
            about = json.loads((args.corpus / f"{entry.id}.json").read_text(encoding="utf-8"))
            with torch.inference_mode():
                sound = torch.from_numpy(stored.piece(entry))[None, None]  # [1, 1, T]
                tokens = model.encode(sound)[0].numpy().astype(np.uint16)
                latents = _latents(codec, args.corpus / f"{entry.id}.flac") if codec else None
            if entry.split == "train":
                captions.extend(about["captions"])
            facts = {k: v for k, v in about.items()
                     if k not in ("captions", "sections", "split", "id")}
            if number % 100 == 99:
                print(f"tokenised {number + 1} of {len(stored.entries)}", file=sys.stderr)
            sections = tuple((s["structure"], s["start_s"], s["end_s"]) for s in about["sections"])
            yield Piece(entry.id, entry.split, tuple(about["captions"]), sections, tokens,
                        latents, facts)

    count = write_pieces(args.out, pieces(), "pieces")
    tokenizer = train_text_tokenizer(captions, args.text_entries, args.out / "tokenizer.json")
    print(json.dumps({"pieces": count, "text_entries": tokenizer.get_vocab_size()}))
    return 0


def _latents(codec: torch.nn.Module, path: Path) -> np.ndarray:
    """Latents [D, M] of a file, float16."""
    sound = audio.read(path)
    mono = audio.resample(sound.mono(), sound.sample_rate, codec.sample_rate)
    return codec.latents(torch.from_numpy(mono)[None, None])[0].numpy().astype(np.float16)


def _history(trained: dict) -> list[dict]:
    """Steps, hours and seed of a run, and of the run whose weights it began with."""
    before: list[dict] = []
    begun = trained["recipe"]["data"].get("start_from")
    path = run_config.folder(begun) / "training.json" if begun else None
    if path and path.is_file():
        before = _history(json.loads(path.read_text()))
    return [*before, {"steps": trained["step"], "hours": round(trained["seconds"] / 3600, 3),
                      "seed": trained["loop"]["seed"]}]


def assemble(argv: list[str]) -> int:
    """Copy trained components into a model folder, in the dtype they ship in."""
    parser = argparse.ArgumentParser("python -m trainers assemble", description=assemble.__doc__)
    parser.add_argument("component", type=Path, help="folder of a run's best or last export")
    parser.add_argument("model", type=Path, help="model folder; made or added to")
    parser.add_argument("--name", help="the model's name in results")
    args = parser.parse_args(argv)
    exported = studio_layout.read_config(args.component)["components"]
    trained = json.loads((args.component / "training.json").read_text(encoding="utf-8"))
    for component in exported:
        module = studio_layout.load(args.component, component)
        about = {}
        if (args.model / "config.json").is_file():
            about = studio_layout.read_config(args.model).get("about", {})
        about[component] = _history(trained)
        if args.name:
            about["name"] = args.name
        studio_layout.save(args.model, component, module, torch.float16, {"about": about})
    tokenizer = args.component / "tokenizer.json"
    if tokenizer.is_file():
        shutil.copyfile(tokenizer, args.model / "tokenizer.json")
    print(json.dumps({"model": str(args.model), "components": list(exported)}))
    return 0
