"""The metrics that recipes are lists of, one file each, and the recipes."""

from evaluation.suite.continuation import ContinuationChoice
from evaluation.suite.frechet import FrechetDistance
from evaluation.suite.kernel import KernelDistance
from evaluation.suite.kl import KLDivergence
from evaluation.suite.mauve import MauveDivergence
from evaluation.suite.metric import (
    BootstrapChoice,
    ClipArrays,
    ComparesSystems,
    Metric,
    MetricData,
    is_own,
    read_metrics,
)
from evaluation.suite.ratings import PredictedRatings
from evaluation.suite.recipe_type import Recipe, package_versions
from evaluation.suite.recipes import RECIPES, metrics_of, recipe
from evaluation.suite.result import MetricResult
from evaluation.suite.text import TextSimilarity

__all__ = [
    "RECIPES",
    "BootstrapChoice",
    "ClipArrays",
    "ComparesSystems",
    "ContinuationChoice",
    "FrechetDistance",
    "KLDivergence",
    "KernelDistance",
    "MauveDivergence",
    "Metric",
    "MetricData",
    "MetricResult",
    "PredictedRatings",
    "Recipe",
    "TextSimilarity",
    "is_own",
    "metrics_of",
    "package_versions",
    "read_metrics",
    "recipe",
]
