"""What a kind of task is, and what it is given and gives back.

A kind knows its harness (mteb, lm-eval …) and the engine protocols. It does not know where records
are stored, nor how jobs are scheduled. :data:`evalsuite.kinds.table.KINDS` lists all kinds.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, TypeVar

from evalsuite.engines.vectors.forms import WHOLE, VectorForm
from evalsuite.kinds.task import Instruction, Task
from evalsuite.kinds.task_name import Settings
from evalsuite.metrics import Metric
from evalsuite.sample_texts import SampleTexts
from evalsuite.schema import DataInfo, Estimator, Signature, Stopped, Suspicion, World

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint
    from evalsuite.engines.protocols import Encoder, TokenEncoder
    from evalsuite.engines.vectors.cached_encoder import CachedEncoder
    from evalsuite.engines.vectors.cached_token_encoder import CachedTokenEncoder
    from evalsuite.engines.vectors.vector_files import VectorFiles
    from evalsuite.kinds.shared.instruction_sets import InstructionSets
    from evalsuite.run.options import Resolved

Need = Literal["encoder", "generator", "judge", "unified"]
"""What a stage needs: an engine that embeds, one that generates, a judge, or one model that
embeds and generates from the caches of its embedding passes. Of one checkpoint, groups of jobs run
in this order."""

ProgressEvent = Callable[[int, int, str], None]
"""Called as ``progress(done, total, unit)``; ``unit`` is ``texts``, ``requests`` …"""

AnyTask_contra = TypeVar("AnyTask_contra", bound=Task, contravariant=True)


def _defaults() -> Resolved:
    from evalsuite.run.options import Resolved

    return Resolved()


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything besides the task and the engine that an evaluation depends on."""

    checkpoint: Checkpoint
    workdir: Path
    """Folder of this job alone, for what must survive a kill, until the record is stored."""
    options: Resolved = field(default_factory=_defaults)
    """What a person chose for the run."""
    instruction: Instruction | None = None
    """Embedding tasks: the instruction; ``None``: the harness's own for the task."""
    limit: int | None = None
    """Test items: the smaller of the task's limit and the run's."""
    form: VectorForm = WHOLE
    """Embedding: in which form vectors are compared."""
    vectors: VectorFiles | None = None
    """Embedding: where vectors are kept and found; ``None``: in ``workdir``."""
    progress: ProgressEvent = lambda *_: None

    @property
    def data_root(self) -> Path | None:
        """Folder in Hugging Face dataset-repo layout; ``None``: the hub."""
        return self.options.data_root

    @property
    def seed(self) -> int:
        """Of all that is drawn at random."""
        return self.options.seed

    def sharded(self, encoder: Encoder) -> CachedEncoder:
        """The encoder, with its vectors kept."""
        from evalsuite.engines.vectors.cached_encoder import CachedEncoder

        return CachedEncoder(encoder, self._files())

    def sharded_tokens(self, encoder: TokenEncoder) -> CachedTokenEncoder:
        """An encoder with several vectors a text, with these kept."""
        from evalsuite.engines.vectors.cached_token_encoder import CachedTokenEncoder

        return CachedTokenEncoder(encoder, self._files())

    def _files(self) -> VectorFiles:
        from evalsuite.engines.vectors.vector_files import VectorFiles

        return self.vectors or VectorFiles(self.workdir, "embeddings")


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
    """One plain row a sample, all with the same keys: ``sample`` (a stable id), ``score`` …"""
    data: DataInfo
    raw: dict[str, Any]
    """The harness's own result as JSON-ready data."""
    texts: SampleTexts | None = None
    """What the samples are about, to be read beside them; ``None`` where they say it themselves."""
    metric: Metric | None = None
    """Direction and unit of ``main_metric`` as the harness states them; ``None``: by its name."""
    details: dict[str, Any] = field(default_factory=dict)
    """Rendered examples: ``{"rendered": {side: {"text": …, "token_ids": […]}}}`` and more."""
    warnings: tuple[str, ...] = ()
    stopped: Stopped | None = None
    """Of a task that a check ended early: ``score`` and ``samples`` are those of some items."""
    suspicions: tuple[Suspicion, ...] = ()
    """Why the score must not be trusted; what follows from ``metrics`` alone is added later."""
    engine_seconds: float = 0.0
    tokens: tuple[int, int] | None = None
    """Read and written by the engine in the last stage; ``None`` where that is not known."""
    load_seconds: float = 0.0
    earlier_seconds: float = 0.0
    """Spent in an earlier stage of the same job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """One rendered example with its first token ids, special ones too, for ``--dry-run``."""

    side: str
    """``query``, ``document``, ``text``, ``chat`` or ``judge``."""
    text: str
    token_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A part of a job that one engine does; what it leaves in the job's folder, the next reads."""

    name: str
    needs: Need
    apart: bool = False
    """Whether it only calls its engine: then several such jobs share one, from other processes."""
    leaves: str = ""
    """What a person reads between it and the next stage: ``answered, to be judged``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planning:
    """What is known while a task is planned: nothing is loaded yet."""

    checkpoint: Checkpoint
    """With the engine that embeds, where it can embed."""
    options: Resolved
    sets: InstructionSets
    form: VectorForm = WHOLE
    """In which form vectors are compared."""
    runs: bool = True
    """Whether the job will run: an engine that is not installed matters only then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """How a task is going to be measured on a checkpoint."""

    signature: Signature
    instruction: Instruction | None = None
    """What texts to embed are preceded by; ``None``: the harness's own for the task."""
    outside: str | None = None
    """The instruction set, where it has no entry for the task."""
    skip: str | None = None
    """Why the task cannot be measured in this way."""


class Kind(Protocol[AnyTask_contra]):
    """A kind of task: how it is planned, run and shown.

    One object for all tasks of the kind. Its module is imported whenever task files are read, so
    it imports its harness only inside methods.
    """

    name: ClassVar[str]
    """The value of ``kind`` in task files."""
    task_model: ClassVar[type[Task]]
    """What its task files may say."""
    world: ClassVar[World]
    """Whether scores count as embedding or as generation, in tables and averages."""
    stages: ClassVar[tuple[Stage, ...]]
    """In order; no two need the same engine."""
    stops_early: ClassVar[bool] = False
    """Whether a check can end its tasks before all items are answered."""
    options: ClassVar[frozenset[str]] = frozenset()
    """Fields of ``RunOptions`` that no task uses unless its kind says so here."""
    imports: ClassVar[tuple[str, ...]] = ()
    """Modules that :meth:`run` imports, with its harness's libraries, and that start no thread:
    processes that do jobs are copies of one that has imported them."""
    example: ClassVar[str | None] = None
    """A task of the harness, where ``NAME:TASK`` reaches those without a task file."""
    settings: ClassVar[tuple[str, ...]] = ()
    """What may be set in such a name: ``NAME:TASK?setting=value``."""

    @abstractmethod
    def plan(self, task: AnyTask_contra, planning: Planning) -> Planned:
        """The signature of a task on a checkpoint, and what goes with it.

        Raises:
            UsageError: For an option that does not fit the checkpoint.
            EngineError: If an engine is needed that is not installed.
        """

    @abstractmethod
    def run(
        self, stage: str, task: AnyTask_contra, engine: Any, context: Context
    ) -> Evaluation | None:
        """Do a stage of a job.

        Args:
            stage: Name of the stage.
            task: The task, of :attr:`task_model`.
            engine: What the stage needs.
            context: Everything else.

        Returns:
            The evaluation, after the last stage; ``None`` after the others.

        Raises:
            EvalsuiteError: If it fails; the job has failed then.
            TaskSkipped: If it cannot be done here.
        """

    @abstractmethod
    def preview(self, task: AnyTask_contra, context: Context) -> list[Preview]:
        """Render the first test item of each side as the model would get it; loads no weights."""

    def cannot(self, task: AnyTask_contra, checkpoint: Checkpoint, options: Resolved) -> str | None:
        """Why a checkpoint cannot do a task, by what is known before anything is loaded."""
        del task, options
        return checkpoint.cannot.get(self.world)

    def blocker(self, task: AnyTask_contra) -> str | None:
        """Why this machine cannot evaluate a task, found without loading anything heavy."""
        del task
        return None

    def suite(self, name: str, shipped: Sequence[Task]) -> dict[str, Any] | None:
        """A suite that the harness has, as the keys of a suite file: ``--suite KIND:NAME``.

        Args:
            name: The harness's name of it.
            shipped: Tasks of evalsuite's own files, whose names its members may go by.

        Returns:
            ``None`` for a harness without suites.

        Raises:
            UsageError: If the harness has suites, but none of that name that can be evaluated.
        """
        del name, shipped
        return None

    def has_suite(self, name: str) -> bool:
        """Whether the harness has a suite of that name, whatever it is about."""
        del name
        return False

    def suite_names(self) -> Sequence[str]:
        """Names of the harness's suites that can be evaluated."""
        return ()

    def set_in_name(self, source: str, settings: Settings) -> dict[str, Any]:
        """Keys of a task file that say the same as the settings in a name.

        Args:
            source: The harness's name of the task.
            settings: Setting → its values; all of :attr:`settings`.

        Raises:
            UsageError: For a value that is not valid.
        """
        del source, settings
        return {}

    def check_source(self, task: AnyTask_contra) -> None:
        """Check that the harness has what ``source`` names, without importing the harness.

        Raises:
            UsageError: If it has not; names the nearest ones.
        """
        del task

    def with_files(self, task: AnyTask_contra, root: Path | None) -> Task:
        """A task with files in the place of a data set of the hub, if it names one (DataError)."""
        del root
        return task

    def check_data(self, task: AnyTask_contra) -> int:
        """Read and check a task's own files, before a model is loaded.

        Returns:
            The number of rows; 0 for a task without files of its own.

        Raises:
            DataError: For a missing file or column, or a row that cannot be scored.
            UsageError: For a template that does not fit a row.
        """
        from evalsuite.data import read_rows, require_columns

        tables = {}
        for role, path in task.tables.items():
            tables[role] = read_rows(path)
            require_columns(tables[role], task.required_columns(role), task.columns, path)
        if tables:
            self.check_rows(task, tables)
        return sum(map(len, tables.values()))

    def check_rows(self, task: AnyTask_contra, tables: dict[str, list[dict[str, Any]]]) -> None:
        """Check the rows of a task's own files (role → rows), beyond the columns they must have.

        Raises:
            UsageError: For a template that does not fit a row.
            DataError: For a row that cannot be scored.
        """
        del task, tables

    def lacking_packages(self, task: AnyTask_contra) -> tuple[str, ...]:
        """Packages that the harness's code for a task imports and that are not installed.

        Raises:
            UsageError: If the harness has no such task.
        """
        del task
        return ()

    def placed(self, task: AnyTask_contra, folders: Sequence[Path]) -> Task:
        """A task with what a person's own tasks folders hold for it, beside task files.

        Raises:
            UsageError: If a file there is not valid.
        """
        del folders
        return task

    def check_folder(self, folder: Path) -> tuple[str, ...]:
        """Check what a tasks folder holds for this kind, beside task files.

        Returns:
            Names of the tasks that it defines, as ``--tasks`` takes them.

        Raises:
            UsageError: For the first file that is not valid, or name that is taken.
        """
        del folder
        return ()

    def facts(self, task: AnyTask_contra, root: Path | None = None) -> dict[str, Any]:
        """What the harness says of a task that ``source`` names, for people.

        Data set, splits, subsets, main metric with its direction, number of samples; empty where
        the harness does not say.

        Args:
            task: With a ``source``.
            root: Folder of local data sets, to count samples of which the harness does not state
                the number; ``None``: of those that were downloaded before.

        Raises:
            UsageError: If the harness has no such task; names the nearest ones.
        """
        del root
        self.check_source(task)
        return {}

    def stale(self, task: AnyTask_contra, signature: Signature) -> str | None:
        """What a run would not sign any more, beyond the task's hash and the code's version."""
        del task, signature
        return None

    def datasets(self, task: AnyTask_contra) -> dict[str, str]:
        """Data set → revision of a harness task whose file does not name them (may import it).

        Raises:
            UsageError: If the harness has no such task.
        """
        del task
        return {}

    def done(self, stage: str, task: AnyTask_contra, context: Context) -> bool:
        """Whether an earlier run has left what this stage leaves, from the data as it is now."""
        del stage, task, context
        return False
