"""Statistics of a listening test: pure functions on arrays, float64, numpy and scipy only.

Sources: two-way clustered variance of Cameron, Gelbach and Miller (2011); exact Wilcoxon
signed-rank test; Holm (1979); Krippendorff (2011); Shrout and Fleiss (1979); ITU-T P.800
Annex E (CCR) and P.808 (controls).
"""

from evaluation.listening.statistics.agreement import (
    FEWEST_UNITS,
    Agreement,
    IntraclassCorrelation,
    intraclass_correlation,
    krippendorff_alpha,
    rater_agreement,
    score_matrix,
)
from evaluation.listening.statistics.arena import (
    ARENA_METHOD,
    ArenaResult,
    ArenaTable,
    Strength,
    arena,
)
from evaluation.listening.statistics.comparison import (
    CONTROL_LIMIT,
    ComparisonResult,
    ComparisonTable,
    IdenticalPairs,
    SystemComparison,
    compare,
    compare_axes,
    identical_pairs,
)
from evaluation.listening.statistics.interval import (
    METHOD,
    NAIVE_METHOD,
    TEST,
    MeanInterval,
    batch_half_widths,
    mean_interval,
)
from evaluation.listening.statistics.ratings import (
    PairedDifference,
    RaterMeans,
    RatingTable,
    SystemMean,
    paired_difference,
    paired_differences,
    system_means,
)
from evaluation.listening.statistics.signed_rank import SignedRank, adjusted_p, holm, signed_rank

__all__ = [
    "ARENA_METHOD",
    "ArenaResult",
    "ArenaTable",
    "Strength",
    "arena",
    "FEWEST_UNITS",
    "Agreement",
    "IntraclassCorrelation",
    "rater_agreement",
    "intraclass_correlation",
    "krippendorff_alpha",
    "score_matrix",
    "CONTROL_LIMIT",
    "ComparisonResult",
    "ComparisonTable",
    "IdenticalPairs",
    "SystemComparison",
    "compare",
    "compare_axes",
    "identical_pairs",
    "METHOD",
    "NAIVE_METHOD",
    "TEST",
    "MeanInterval",
    "batch_half_widths",
    "mean_interval",
    "PairedDifference",
    "RaterMeans",
    "RatingTable",
    "SystemMean",
    "paired_difference",
    "paired_differences",
    "system_means",
    "SignedRank",
    "adjusted_p",
    "holm",
    "signed_rank",
]
