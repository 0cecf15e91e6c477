"""What a harness adapter is: a function from a task and an engine to an evaluation.

An adapter knows its harness (mteb, lm-eval) and the engine protocols. It does not know where
records are stored, nor how jobs are scheduled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.protocols import Encoder, Generator
from evalsuite.engines.vectors.cached_encoder import CachedEncoder
from evalsuite.engines.vectors.vector_files import VectorFiles
from evalsuite.judging.judge import Judge, JudgeEngine
from evalsuite.registry.models import Instruction, Task
from evalsuite.schema import DataInfo, Estimator, Suspicion

if TYPE_CHECKING:
    from evalsuite.engines.transformers.unified_model import UnifiedModel

ProgressEvent = Callable[[int, int, str], None]
"""Called as ``progress(done, total, unit)``; ``unit`` is ``texts``,
``requests`` …"""


def _silent(done: int, total: int, unit: str) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything besides the task and the engine that an evaluation depends on."""

    checkpoint: Checkpoint
    workdir: Path
    """Folder of this job alone, for what must survive a kill; removed once the record is
    stored. Exists."""
    instruction: Instruction | None = None
    """Embedding tasks: the instruction; ``None``: the harness's own for the task."""
    data_root: Path | None = None
    """Folder in Hugging Face dataset-repo layout; ``None``: the hub."""
    limit: int | None = None
    seed: int = 42
    shots: int | None = None
    vectors: VectorFiles | None = None
    """Embedding: where vectors are kept and found; ``None``: in ``workdir``."""
    judge: Judge | None = None
    """Judged tasks: who compares."""
    judge_checkpoint: Checkpoint | None = None
    """The judge's checkpoint; ``None`` for an endpoint."""
    retriever: Checkpoint | None = None
    """Tasks that generate from caches: who finds the documents; ``None``: the checkpoint."""
    embed_length: int | None = None
    """Of the same: tokens after which a text to embed is cut; ``None``: all positions."""
    progress: ProgressEvent = _silent

    def sharded(self, encoder: Encoder) -> CachedEncoder:
        """The encoder, with its vectors kept."""
        return CachedEncoder(encoder, self.vectors or VectorFiles(self.workdir, "embeddings"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What an adapter gives back; the run turns it into a record."""

    main_metric: str
    score: float
    """In the harness's own unit (fractions)."""
    estimator: Estimator
    """How ``score`` comes from ``samples``; decides its standard error and how it is compared."""
    stderr: float | None
    n: int
    """Independent test items."""
    metrics: dict[str, float]
    samples: list[dict[str, Any]]
    """One plain row a sample; the same keys in every row. Always has ``sample`` (a stable id)
    and, where a sample has a score of its own, ``score``."""
    data: DataInfo
    raw: dict[str, Any]
    """The harness's own result as JSON-ready data."""
    percent: bool = True
    details: dict[str, Any] = field(default_factory=dict)
    """Rendered examples: ``{"rendered": {side: {"text": …, "token_ids": […]}}}`` and more."""
    warnings: tuple[str, ...] = ()
    suspicions: tuple[Suspicion, ...] = ()
    """Why the score must not be trusted; what follows from ``metrics`` alone is added later."""
    engine_seconds: float = 0.0
    load_seconds: float = 0.0
    earlier_seconds: float = 0.0
    """Spent in an earlier stage of the same job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One rendered example, for ``--dry-run``."""

    side: str
    """``query``, ``document``, ``text``, ``chat`` or ``judge``."""
    text: str
    token_ids: tuple[int, ...]
    """First ids, special tokens included."""


class EmbeddingHarness(Protocol):
    """Adapter for embedding tasks."""

    def evaluate(self, task: Task, encoder: Encoder, context: Context) -> Evaluation:
        """Evaluate one task."""

    def preview(self, task: Task, encoder: Encoder, context: Context) -> list[Preview]:
        """Render the first test item of each side; ``encoder`` may be without weights."""


class GenerativeHarness(Protocol):
    """Adapter for generative tasks."""

    def evaluate(self, task: Task, generator: Generator, context: Context) -> Evaluation:
        """Evaluate one task."""

    def preview(self, task: Task, context: Context) -> list[Preview]:
        """Render the first test item."""


class RetrievingHarness(Protocol):
    """Adapter for tasks that search with embeddings and then generate, in two stages."""

    def retrieved(self, task: Task, context: Context) -> bool:
        """Whether an earlier run has left all candidates in ``context.workdir``."""

    def retrieve(self, task: Task, encoder: Encoder, context: Context) -> None:
        """Leave the candidates in ``context.workdir``."""

    def evaluate(self, task: Task, generator: Generator, context: Context) -> Evaluation:
        """Evaluate what was retrieved."""

    def preview(self, task: Task, encoder: Encoder, context: Context) -> list[Preview]:
        """Render the first text of each side and a prompt; ``encoder`` may lack weights."""


class CachedHarness(Protocol):
    """Adapter for tasks of one model that embeds and generates."""

    def evaluate(self, task: Task, model: UnifiedModel, context: Context) -> Evaluation:
        """Evaluate one task."""

    def preview(self, task: Task, context: Context) -> list[Preview]:
        """Render the first test item; loads no weights."""


class JudgedHarness(Protocol):
    """Adapter for generative tasks whose answers are compared by a judge, in two stages."""

    def answered(self, task: Task, context: Context) -> bool:
        """Whether an earlier run has left all answers in ``context.workdir``."""

    def answer(self, task: Task, generator: Generator, context: Context) -> None:
        """Leave the answers in ``context.workdir``."""

    def judge(self, task: Task, engine: JudgeEngine, context: Context) -> Evaluation:
        """Evaluate the answers."""

    def preview(self, task: Task, context: Context) -> list[Preview]:
        """Render the first test item, for the candidate and for the judge."""
