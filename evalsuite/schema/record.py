"""One score as it lies on the disk, with everything that it depends on."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from evalsuite.schema.base import Direction, Estimator, Frozen, Status, Unit
from evalsuite.schema.signature import Signature

SCHEMA_VERSION: Literal[1] = 1
"""Version of the record layout on disk; a reader refuses a newer one."""

SuspicionCode = Literal[
    "not-finite",
    "collapsed-embeddings",
    "zero-embeddings",
    "double-bos",
    "prompt-dropped",
    "nothing-parsed",
    "truncated-prompts",
    "vocabulary-mismatch",
    "stale",
]
"""What a wrong result is called; see ``docs/wrong-results.md``."""


STOPPED = "stopped"
"""Key of a record's details, see :attr:`Record.stopped`."""

LEADERBOARD_METRIC = "leaderboard_metric"
"""Key of a record's details, see :attr:`Record.leaderboard_metric`."""


class CheckpointRef(Frozen):
    """What a record keeps of the checkpoint it belongs to."""

    name: str
    fingerprint: str
    """SHA-256 over the bytes of weights, config and tokenizer: 64 hex digits."""
    source: str
    """What was typed after ``--ckpt``."""
    kind: str
    base: str | None = None
    """The base of an adapter."""
    step: int | None = None
    """Training step, where the folder's name carries one (``checkpoint-1000``)."""
    evidence: tuple[str, ...] = ()
    """Why it was taken for this kind, one remark each."""


class DataInfo(Frozen):
    """What was read to compute a score."""

    hash: str
    """SHA-256 over the names and contents of all files (or over the loaded rows)."""
    source: Literal["local", "hub", "built-in"]
    datasets: dict[str, str] = Field(default_factory=dict)
    """Dataset name → hash of its files, or ``revision`` for data from the hub."""


class Origin(Frozen):
    """Where an imported record comes from; evalsuite measured nothing itself."""

    format: Literal[
        "mteb", "lm-eval", "inspect", "lighteval", "alpaca-eval", "eee", "helm", "evalplus"
    ]
    """Whose result file it was."""
    file: str
    """Name of the file, without folders."""
    sha256: str
    """Of the file: 64 hex digits."""
    harness: str
    """Harness and version as the file states them, for example ``mteb 1.4.0``."""
    revision: str | None = None
    """Revision of the model, as the file or its folder states it."""


class Timings(Frozen):
    """Seconds and tokens spent on one task."""

    total: float
    engine: float = 0.0
    """Inside the model."""
    load_data: float = 0.0
    tokens_read: int | None = None
    """Tokens of the prompts or texts that the model was given; those whose answers or vectors were
    kept from before are not among them. Of a task in several stages, those of the last one.
    ``None`` where nothing was given or it is not known."""
    tokens_written: int | None = None
    """Tokens of the model's answers; likewise."""


class SamplesRef(Frozen):
    """Where a record's samples are."""

    file: str
    """File name, beside the record."""
    rows: int
    sha256: str
    texts: tuple[str, ...] = ()
    """Files with the texts that the samples refer to, in the store's folder ``texts``; none in
    records from before these were kept."""


class Suspicion(Frozen):
    """Why a score must not be trusted without a look."""

    code: SuspicionCode
    what: str
    """What is wrong, where, and how much of it, in one line."""
    next_step: str
    """What to do about it."""


class Stopped(Frozen):
    """What is known of a task that a check ended early: ``n`` of its ``total`` samples.

    Scores and differences are in the metric's own unit, and of those ``n`` samples alone.
    """

    rule: str
    """Hash of the baseline's scores and of what the check asked: 64 hex digits."""
    n: int
    total: int
    score: float
    """Of the samples that were answered; not the task's score."""
    low: float
    high: float
    """Where the score over all samples lies, with a confidence of 95 %."""
    baseline: float
    """The baseline's score on the same samples."""
    won: int
    lost: int
    verdict: Literal["regression", "pass"] | None
    """``None`` where another task's verdict ended the check."""
    drop_p: float
    """Of "no drop", one-sided and valid at any time, before any correction."""
    at_worst: float
    """The largest drop that is not ruled out."""


class Record(Frozen):
    """One score with everything that it depends on; one JSON file in the store.

    ``score``, ``stderr`` and ``metrics`` are in the harness's own unit: fractions in ``[0, 1]``
    (correlations in ``[-1, 1]``) unless ``percent`` is false.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    status: Status
    checkpoint: CheckpointRef
    task: dict[str, Any]
    """The task's definition as it was evaluated."""
    signature: Signature
    main_metric: str | None = None
    score: float | None = None
    stderr: float | None = None
    """Standard error of ``score``; ``None`` where it is not known."""
    n: int | None = None
    """Number of test items."""
    groups: int | None = None
    """Number of groups (passages, subjects …) that the items fall into, where ``stderr`` allows
    for their belonging together; ``None`` where they count as independent."""
    percent: bool = True
    """Whether tables show ``100 × score``."""
    direction: Direction | None = None
    """Which scores are better, as the harness states it; ``None`` where nothing stated it."""
    unit: Unit | None = None
    """Unit of ``score``; ``None`` in records from before it was kept."""
    estimator: Estimator | None = None
    """How ``score`` comes from the samples; ``None`` in records from before this was stored."""
    metrics: dict[str, float] = Field(default_factory=dict)
    reason: str | None = None
    """Why it failed or was skipped."""
    origin: Origin | None = None
    """Of an imported record."""
    warnings: tuple[str, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    """Of a score: why it must not be trusted without a look."""
    data: DataInfo | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    """Facts found while running, such as a rendered prompt and its first token ids."""
    environment: dict[str, Any] = Field(default_factory=dict)
    timings: Timings | None = None
    samples: SamplesRef | None = None
    raw: dict[str, Any] = Field(default_factory=dict)
    """The harness's own result, untouched."""
    created: datetime

    @property
    def leaderboard_metric(self) -> str | None:
        """The harness's own main metric, which its leaderboard shows; ``None`` if not known."""
        found: str | None = self.details.get(LEADERBOARD_METRIC)
        return found

    @property
    def stopped(self) -> Stopped | None:
        """What is known of a task that a check ended early; ``None`` for all others."""
        found = self.details.get(STOPPED)
        return Stopped.model_validate(found) if self.status == "stopped" and found else None

    @model_validator(mode="after")
    def _scored_has_score(self) -> Self:
        if self.status == "scored" and self.score is None:
            raise ValueError("a record with status 'scored' needs a score")
        if self.status != "scored" and (self.score is not None or not self.reason):
            raise ValueError(f"a record with status {self.status!r} has a reason and no score")
        return self
