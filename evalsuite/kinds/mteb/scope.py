"""Which splits and subsets of an mteb task are scored.

mteb's score of a task is the plain mean over all of its subsets in all of its evaluation splits.
A task file may choose a part of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.mteb.facts import TaskFacts, facts_of, installed
from evalsuite.kinds.mteb.task import OwnEmbeddingTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What of a task is scored, and of what it is a part; all in mteb's order."""

    splits: tuple[str, ...]
    subsets: tuple[str, ...]
    """The subsets of each split."""
    all_splits: tuple[str, ...]
    """The splits that mteb scores."""
    all_subsets: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of parts that are scored, and that mteb scores too: pairs of split and subset."""
        return len(set(self.splits) & set(self.all_splits)) * len(self.subsets)

    @property
    def of(self) -> int:
        """Number of parts that mteb's score is a mean over."""
        return len(self.all_splits) * len(self.all_subsets)

    @property
    def is_whole(self) -> bool:
        """Whether the score is mteb's score of the task."""
        return set(self.splits) == set(self.all_splits) and self.count == self.of

    @property
    def words(self) -> str:
        """What is scored, for example ``test × en, de (2 of 12 parts)``; ``""`` for everything."""
        if self.is_whole:
            return ""
        first = ", ".join(self.subsets[:4]) + (" …" if len(self.subsets) > 4 else "")
        return f"{', '.join(self.splits)} × {first} ({self.count} of {self.of} parts)"


def signed_splits(task: OwnEmbeddingTask) -> str | None:
    """The splits of a task as a signature states them, for example ``validation+test``.

    ``None`` where that adds nothing: for a task on own data, for one whose file names its one
    split (a field of its own), and for the one split that was scored before a score could have
    several: ``test``, or the first where there is no ``test``. Such scores keep their keys.
    """
    facts = installed().get(task.source or "")
    if facts is None or task.split is not None:
        return None
    known: list[str] = facts["splits"]
    splits = _in_order(task.splits or known, known)
    first = "test" if "test" in known else known[0]
    return None if splits == (first,) else "+".join(splits)


def scope_of(task: OwnEmbeddingTask) -> Scope:
    """What of a task of the installed mteb is scored.

    Args:
        task: Of kind ``mteb`` or ``rerank``, with ``source``.

    Raises:
        UsageError: If mteb has no such task, it is a mean of other tasks, or has no such subset.
    """
    assert task.source is not None
    facts = facts_of(task.source)
    if facts.members:
        raise UsageError(
            f"mteb:{task.source} is the mean of other tasks",
            f"list these in the suite, with a subtask mean: {', '.join(facts.members)}",
        )
    if not facts.text:
        raise UsageError(f"mteb:{task.source} is not about texts alone", "choose a text task")
    wanted = (task.split,) if task.split else task.splits or facts.splits
    return Scope(
        splits=_in_order(wanted, facts.splits),
        subsets=_subsets(task, facts),
        all_splits=facts.splits,
        all_subsets=facts.subsets,
    )


def _in_order(splits: Sequence[str], known: Sequence[str]) -> tuple[str, ...]:
    """Splits in mteb's order; then those that mteb does not score, but the data may have."""
    others = [split for split in dict.fromkeys(splits) if split not in known]
    return (*(split for split in known if split in splits), *others)


def _subsets(task: OwnEmbeddingTask, facts: TaskFacts) -> tuple[str, ...]:
    known = set(facts.subsets)
    unknown = [subset for subset in task.subsets if subset not in known]
    if unknown:
        raise UsageError(
            f"mteb:{task.source} has no subset {unknown[0]!r}",
            did_you_mean(unknown[0], facts.subsets),
        )
    wanted = set(task.subsets) or known
    return tuple(subset for subset in facts.subsets if subset in wanted)
