"""What tasks of every kind have in common; each kind adds its own keys in ``kinds/*/task.py``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, StringConstraints, model_validator

from evalsuite.schema import Frozen, digest

Name = Annotated[
    str,
    StringConstraints(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9 ._+:(),-]*(\?[A-Za-z0-9 ._+:(),%&=-]+)?$", max_length=120
    ),
]
"""Readable names; no path separators, since records are filed under them. Behind a ``?`` stand the
settings of a harness's task (:mod:`evalsuite.kinds.task_name`)."""
DatasetName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$")
]
"""``org/name`` on the hub."""
Revision = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]
"""A commit of a hub repository."""


class Instruction(Frozen):
    """Instruction of an embedding task; the two sides differ only for retrieval."""

    query: str = ""
    document: str = ""

    @property
    def text(self) -> str:
        """Both sides in one line, for signatures."""
        return self.query if self.query == self.document else f"{self.query} ⏎ {self.document}"


class Generation(Frozen):
    """Decoding settings of a generative task; greedy unless ``temperature`` is above 0."""

    max_tokens: int = Field(default=256, ge=1)
    stop: tuple[str, ...] = ()
    temperature: float = Field(default=0.0, ge=0)
    top_p: float = Field(default=1.0, gt=0, le=1)
    samples: int = Field(default=1, ge=1)
    """Answers drawn per test item."""


class Task(Frozen, defer_build=True):
    """One thing that is evaluated and gives one score.

    Either ``source`` names a task of the harness (``STSBenchmark``, ``gsm8k_cot``), or ``data``
    names files of one's own, with paths relative to the YAML file.

    Validators of this class and of other bases are built only when one is used by itself: each
    takes milliseconds of every start. The models of the kinds build theirs at once.
    """

    name: Name
    kind: str
    """Name of the kind of task: a folder of :mod:`evalsuite.kinds`."""
    source: str | None = None
    """Name of the task inside the harness."""
    version: str = "1"
    category: str | None = None
    """What the task counts towards in tables, for example ``STS``."""
    description: str = ""
    datasets: dict[DatasetName, Revision] = Field(default_factory=dict)
    """Hub datasets that the harness task reads → the commit that is read. With it, missing data
    is found before a model is loaded, and ``evalsuite data fetch`` knows what to get."""
    limit: int | None = Field(default=None, ge=1)
    main_metric: str | None = None
    data: dict[str, Path] | None = None
    """Role of a file (``test``, ``corpus`` …) → the file."""
    columns: dict[str, str] = Field(default_factory=dict)
    """Standard column name → name in the files."""
    quick: dict[str, Any] = Field(default_factory=dict)
    """Keys of this task, and their values for ``--quick``."""

    @property
    def about(self) -> str:
        """What the task evaluates, in a word, for lists of tasks."""
        return str(self.source)

    @property
    def reads(self) -> dict[str, str]:
        """Hub data sets that the task's file names → commit; ``main`` where it names none."""
        return dict(self.datasets)

    @property
    def tables(self) -> dict[str, Path]:
        """The files of :attr:`data` that hold rows: all but Python files."""
        return {role: path for role, path in (self.data or {}).items() if path.suffix != ".py"}

    def quickened(self) -> Self:
        """The task as ``--quick`` runs it: another definition, and so another score."""
        plain = self.model_dump(exclude_defaults=True, exclude={"quick"})
        return self.model_validate(plain | self.quick) if self.quick else self

    def required_columns(self, role: str) -> tuple[str, ...]:  # noqa: ARG002 - for subclasses
        """Columns that the file of a role in ``data`` must have, by their standard names."""
        return ()

    def definition(self) -> dict[str, Any]:
        """The task as plain data, without what does not influence the score."""
        plain = self.model_dump(mode="json", exclude_defaults=True)
        for key in ("category", "description", "folder", "instruction", "quick", "splits"):
            plain.pop(key, None)
        if "data" in plain:
            plain["data"] = {key: Path(path).name for key, path in plain["data"].items()}
        return plain

    @property
    def hash(self) -> str:
        """Hash of :meth:`definition`."""
        return digest(self.definition())

    @model_validator(mode="after")
    def _quick_is_a_task_too(self) -> Self:
        if unknown := self.quick.keys() - type(self).model_fields.keys():
            raise ValueError(f"'quick' has unknown {', '.join(map(repr, sorted(unknown)))}")
        self.quickened()
        return self


class EmbeddedTask(Task):
    """A task whose texts are embedded, each side with its instruction."""

    split: str | None = None
    subsets: tuple[str, ...] = ()
    """Subsets (languages) of the harness task; empty for the harness's own choice."""
    instruction: Instruction | None = None
    """A plain string in YAML means the same text on both sides, except for retrieval, where
    documents get none."""

    @model_validator(mode="before")
    @classmethod
    def _instruction_from_text(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(text := raw.get("instruction"), str):
            one_sided = raw.get("type") == "retrieval"
            sides = {"query": text, "document": "" if one_sided else text}
            return {**raw, "instruction": sides}
        return raw


def check_source_or_files(task: Task, own_keys: tuple[str, ...]) -> bool:
    """Check that a task names either a task of the harness or a type and files of its own.

    Args:
        task: With a field ``type``.
        own_keys: Fields that only have a meaning for a task on its own files.

    Returns:
        Whether the task is on its own files.

    Raises:
        ValueError: If it names both or neither.
    """
    if task.source is not None:
        given = [key for key in own_keys if getattr(task, key) != _default(task, key)]
        if given:
            raise ValueError(f"'source' names a harness task, so {given[0]!r} has no meaning")
        return False
    if task.datasets:
        raise ValueError("'datasets' belongs to a task with 'source'")
    if getattr(task, "type", None) is None or task.data is None:
        raise ValueError("needs either 'source' or both 'type' and 'data'")
    return True


def check_files(
    task: Task, what: str, required: frozenset[str], optional: frozenset[str] = frozenset()
) -> None:
    """Check that ``data`` names the files that are needed, and no others.

    Raises:
        ValueError: With the names that are missing or unknown; ``what`` says who needs them.
    """
    given = frozenset(task.data or ())
    if missing := required - given:
        raise ValueError(f"'data' of {what} needs {', '.join(sorted(missing))}")
    if unknown := given - required - optional:
        allowed = ", ".join(sorted(required | optional))
        raise ValueError(f"'data' has unknown {', '.join(sorted(unknown))}; allowed: {allowed}")


def _default(task: Task, key: str) -> object:
    return type(task).model_fields[key].get_default(call_default_factory=True)
