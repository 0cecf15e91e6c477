"""The words of evalsuite as frozen data: everything that crosses from one room to another.

A score is a function of its :class:`Signature` and of the checkpoint's fingerprint; a
:class:`Record` keeps the score together with both.
"""

from __future__ import annotations

from evalsuite.schema.base import (
    Attention,
    Direction,
    Estimator,
    Frozen,
    Pooling,
    Similarity,
    Status,
    Unit,
    World,
    digest,
)
from evalsuite.schema.record import (
    LEADERBOARD_METRIC,
    SCHEMA_VERSION,
    STOPPED,
    CheckpointRef,
    DataInfo,
    Origin,
    Record,
    SamplesRef,
    Stopped,
    Suspicion,
    SuspicionCode,
    Timings,
)
from evalsuite.schema.signature import CODE_VERSION, LATER_FIELDS, Signature

__all__ = [
    "CODE_VERSION",
    "LATER_FIELDS",
    "LEADERBOARD_METRIC",
    "SCHEMA_VERSION",
    "STOPPED",
    "Attention",
    "CheckpointRef",
    "DataInfo",
    "Direction",
    "Estimator",
    "Frozen",
    "Origin",
    "Pooling",
    "Record",
    "SamplesRef",
    "Signature",
    "Similarity",
    "Status",
    "Stopped",
    "Suspicion",
    "SuspicionCode",
    "Timings",
    "Unit",
    "World",
    "digest",
]
