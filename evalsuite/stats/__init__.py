"""Uncertainty of scores and of differences between them: pure functions on arrays."""

from evalsuite.stats.averages import mean_with_error
from evalsuite.stats.betting import anytime_p, largest_mean, sampled_mean_interval
from evalsuite.stats.covariance import covariance
from evalsuite.stats.curves import against_mean, noise_band
from evalsuite.stats.differences import Difference, paired, unpaired
from evalsuite.stats.errors import (
    average_precision_se,
    bootstrap_se,
    mean_se,
    spearman_se,
    standard_error,
)
from evalsuite.stats.influence import (
    average_precision_influence,
    mean_influence,
    spearman,
    spearman_influence,
)
from evalsuite.stats.intervals import (
    Interval,
    correlation_interval,
    fraction_interval,
    interval,
    wilson_interval,
)
from evalsuite.stats.ranks import (
    better_than,
    mcnemar_matrix,
    rank_intervals,
    t_matrix,
    tie_groups,
)
from evalsuite.stats.significance import (
    SEED,
    equivalence_p,
    holm,
    largest_drop,
    mcnemar_p,
    noninferiority_p,
    paired_proportions_p,
    sign_flip_p,
)

__all__ = [
    "SEED",
    "Difference",
    "Interval",
    "against_mean",
    "anytime_p",
    "average_precision_influence",
    "average_precision_se",
    "better_than",
    "bootstrap_se",
    "correlation_interval",
    "covariance",
    "equivalence_p",
    "fraction_interval",
    "holm",
    "interval",
    "largest_drop",
    "largest_mean",
    "mcnemar_matrix",
    "mcnemar_p",
    "mean_influence",
    "mean_se",
    "mean_with_error",
    "noise_band",
    "noninferiority_p",
    "paired",
    "paired_proportions_p",
    "rank_intervals",
    "sampled_mean_interval",
    "sign_flip_p",
    "spearman",
    "spearman_influence",
    "spearman_se",
    "standard_error",
    "t_matrix",
    "tie_groups",
    "unpaired",
    "wilson_interval",
]
