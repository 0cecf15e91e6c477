"""One task: a checkpoint against the mean of earlier ones of its training run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evalsuite.metrics import metric_of
from evalsuite.results.compare.pair import Comparison, Load
from evalsuite.results.compare.settings import differing_settings
from evalsuite.results.joint import joint_of
from evalsuite.schema import Record
from evalsuite.stats import against_mean


def compare_with_mean(earlier: Sequence[Record], candidate: Record, load: Load) -> Comparison:
    """Compare a scored record with the mean of at least three others of the same task.

    The test is a t-test with the variance of the items and that between checkpoints
    (:func:`evalsuite.stats.against_mean`); paired where all have samples of the same items.

    Args:
        earlier: Of the checkpoints whose mean is the baseline, by step; all scored.
        candidate: Of the new checkpoint; scored.
        load: Reads a record's samples.

    Raises:
        ValueError: If one of the records has no score, or there are too few.
    """
    scores = [record.score for record in (*earlier, candidate)]
    known = [score for score in scores if score is not None]
    if len(known) < len(scores):
        raise ValueError("only scored records can be compared")
    *before, last = known
    joint = joint_of([*earlier, candidate], load)
    paired = bool(joint.paired.all())
    difference = None
    if np.isfinite(np.diag(joint.covariance)).all():
        groups = int(joint.groups.min())
        difference = against_mean(before, last, joint.covariance, groups, paired=paired)
    return Comparison(
        task=candidate.signature.task,
        first=math.fsum(before) / len(before),
        second=last,
        difference=difference,
        p=difference.p if difference else None,
        test="t, mean of checkpoints" if difference else None,
        metric=metric_of(candidate),
        note="" if paired else "the checkpoints do not all have samples of the same items",
        settings=differing_settings(earlier[-1], candidate),
    )
