"""`python -m trainers gpu-pack` and `gpu-join`: what goes to a GPU session and what comes back."""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from core.checkpoints import studio_layout
from core.language_model import LanguageModelConfig
from trainers.data.shards import read_pieces
from trainers.gpu.pack import pack
from trainers.gpu.session import joined
from trainers.runs import config as run_config


def gpu_pack(argv: list[str]) -> int:
    """Pack the shards of a language model's run for a session on a borrowed GPU."""
    parser = argparse.ArgumentParser("python -m trainers gpu-pack", description=gpu_pack.__doc__)
    parser.add_argument("config", type=Path, help="a yaml with model, data.shards, text_tokenizer")
    parser.add_argument("out", type=Path)
    parser.add_argument("--pieces", type=int, help="the first so many alone")
    args = parser.parse_args(argv)
    run = run_config.read(args.config)
    pieces = read_pieces(run.data["shards"])[: args.pieces]
    tokenizer = Path(run.data["text_tokenizer"]).parent
    print(json.dumps(pack(pieces, tokenizer, run_config.config_of(run), args.out)))
    return 0


def gpu_join(argv: list[str]) -> int:
    """Make a component, as a run's `last` is, of the files a GPU session left."""
    parser = argparse.ArgumentParser("python -m trainers gpu-join", description=gpu_join.__doc__)
    parser.add_argument("session", type=Path, help="folder with session.json")
    parser.add_argument("tokenizer", type=Path, help="the text tokenizer's tokenizer.json")
    parser.add_argument("out", type=Path)
    args = parser.parse_args(argv)
    about = json.loads((args.session / "session.json").read_text())
    weights = {name: value.float() for name, value in joined(args.session).items()}
    config = LanguageModelConfig(**about["model"])
    args.out.mkdir(parents=True, exist_ok=True)
    studio_layout.save_tensors(args.out, "language_model", config, weights)
    shutil.copyfile(args.tokenizer, args.out / "tokenizer.json")
    trained = {
        "step": about["step"],
        "seconds": about["seconds"],
        "recipe": {"task": "language_model", "data": {}, "training": about["settings"]},
        "loop": {"seed": about["settings"]["seed"]},
    }
    (args.out / "training.json").write_text(json.dumps(trained, indent=1))
    print(json.dumps({"folder": str(args.out), "step": about["step"]}))
    return 0
