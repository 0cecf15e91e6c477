"""What all frozen models share: their base, the values that several of them take, and a hash."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import BaseModel, ConfigDict

Attention = Literal["bidirectional", "causal"]
Pooling = Literal["mean", "weighted_mean", "last", "cls"]
Similarity = Literal["cosine", "dot", "euclidean", "manhattan", "maxsim", "meanmaxsim"]
"""How two texts are compared; the last two are of late-interaction models, which have a vector for
each token."""
Status = Literal["scored", "failed", "skipped", "stopped"]
"""How a job ended. ``stopped``: a check ended it early, with answers to some of its items and no
score."""
World = Literal["embedding", "generative"]
Estimator = Literal["mean", "spearman", "average_precision", "other"]
"""How a score comes from its samples: the mean of their scores (of all, or over parts of the task),
Spearman's correlation, average precision, or a way that no statistic of samples here covers."""
Direction = Literal["higher", "lower"]
"""Which values of a metric are better."""
Unit = Literal["fraction", "percent", "other"]
"""Of a metric: ``fraction`` (within 0 and 1, correlations -1 and 1; shown times 100), ``percent``
(from 0 to 100 already, as BLEU) or ``other`` (seconds, bits, perplexity; shown as it is)."""


class Frozen(BaseModel):
    """Immutable model that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def digest(value: object) -> str:
    """SHA-256 over the canonical JSON of ``value``, as 64 hex digits."""
    canonical = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
