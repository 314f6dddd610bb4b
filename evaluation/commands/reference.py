"""`python -m evaluation reference`: statistics of real clips, to score against without them."""

from __future__ import annotations

import argparse
from pathlib import Path

from evaluation.benchmark.cache import EmbeddingCache
from evaluation.benchmark.embedder import Embedder, open_models
from evaluation.benchmark.sets.reference_statistics import make_statistics
from evaluation.commands.options import add_recipe, add_weights, weights_of
from evaluation.suite import recipe


def main(argv: list[str]) -> int:
    """Write mean and covariance of every set embedding of a recipe."""
    parser = argparse.ArgumentParser("python -m evaluation reference", description=__doc__)
    parser.add_argument("audio", type=Path, help="folder of real clips")
    parser.add_argument("out", type=Path, metavar="OUT.npz")
    add_recipe(parser, required=True)
    add_weights(parser)
    args = parser.parse_args(argv)
    chosen = recipe(args.recipe)
    models = open_models(chosen, args.fetch, args.device, weights_of(args.weights))
    embedder = Embedder(models, EmbeddingCache())
    print("\n".join(make_statistics(args.audio, chosen, embedder, args.out)))
    print(f"statistics: {args.out}")
    return 0
