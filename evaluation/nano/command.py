"""`python -m evaluation nano`: one command measures nano and renders its model card."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

from core.pipeline import Pipeline
from core.workspace import claim_machine, work_folder
from evaluation.nano import likelihood, reconstruction, styles
from evaluation.nano.card import render
from evaluation.nano.pieces import read_pieces


def main(argv: list[str]) -> int:
    """Measure, print one line of JSON, and write it (and the card) where asked."""
    parser = argparse.ArgumentParser("python -m evaluation nano", description=main.__doc__)
    parser.add_argument("--corpus", type=Path, default=work_folder() / "corpus")
    parser.add_argument("--variant", default="nano-no-flow")
    parser.add_argument("--clips", type=int, default=10, help="generated clips a prompt")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, help="file for the JSON")
    parser.add_argument("--card", type=Path, help="file for the model card")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    with claim_machine():
        figures = _measure(args)
    if args.out:
        args.out.write_text(json.dumps(figures, indent=1))
    if args.card:
        args.card.write_text(render(figures), encoding="utf-8")
    print(json.dumps(figures))
    return 0


def _measure(args: argparse.Namespace) -> dict[str, Any]:
    pipeline = Pipeline.load(args.variant)
    held_out = read_pieces(args.corpus, "test")
    recipe = {"command": f"python -m evaluation nano --variant {args.variant} --clips "
                         f"{args.clips} --seed {args.seed}",
              "corpus_pieces": {s: len(read_pieces(args.corpus, s))
                                for s in ("train", "validation", "test")}}
    codec = pipeline.wavtokenizer

    @torch.inference_mode()
    def through(clip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        tokens = codec.encode(torch.from_numpy(clip)[None, None])
        return codec.decode(tokens)[0, 0].numpy(), tokens.numpy()

    print("codec reconstruction", file=sys.stderr)
    figures: dict[str, Any] = {"recipe": recipe, "model": pipeline.model,
                               "parameters": {n: sum(p.numel() for p in m.parameters())
                                              for n, m in pipeline.models.items()}}
    figures["wavtokenizer"] = reconstruction.measure(held_out, through, codec.sample_rate,
                                                     args.seed)
    print("language model", file=sys.stderr)
    figures["language_model"] = likelihood.measure(
        pipeline, held_out, read_pieces(args.corpus, "train"), args.seed)
    print("styles", file=sys.stderr)
    figures["styles"] = styles.measure(pipeline, args.corpus, args.clips, args.seed)
    return figures
