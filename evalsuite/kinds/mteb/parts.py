"""Which parts of a result file of mteb make up its score, and which it lacks.

mteb's score of a task is the mean over its subsets in all splits that it scores; a part is one
subset in one split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evalsuite.errors import DataError
from evalsuite.kinds.mteb.facts import TaskFacts
from evalsuite.kinds.mteb.scope import Scope, signed_splits
from evalsuite.kinds.mteb.task import OwnEmbeddingTask
from evalsuite.schema import digest
from evalsuite.text import listed, plain, word

DEFAULT = "default"
"""mteb's name for the subset of a data set that has none."""
NAMED = 4
"""Subsets that a signature names; more of them get a hash."""

Row = Mapping[str, Any]
Scores = Mapping[str, Sequence[dict[str, Any]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The parts of a score that a file holds."""

    rows: tuple[dict[str, Any], ...]
    splits: tuple[str, ...]
    of: int | None
    """Number of parts that the score is a mean over; ``None`` where mteb does not know the task."""
    signed_splits: str | None
    """As a signature states them."""
    signed_subsets: str | None
    warning: str

    @property
    def raw(self) -> dict[str, list[dict[str, Any]]]:
        """Split → the parts as the file has them."""
        found: dict[str, list[dict[str, Any]]] = {}
        for split, row in zip(self.splits, self.rows, strict=True):
            found.setdefault(split, []).append(row)
        return found


def parts_of(
    scores: Scores, task: OwnEmbeddingTask | None, facts: TaskFacts | None, where: str
) -> Parts:
    """The parts of a file that a task's score is a mean over.

    Args:
        scores: Split → one row of metrics a subset, as in the file.
        task: The task that it is taken for; it may choose splits and subsets.
        facts: What mteb says of the task; ``None`` where it does not know it.
        where: The file, for messages.

    Raises:
        DataError: If the file has none of them, or one of them twice.
    """
    rows = {split: _by_subset(found) for split, found in scores.items()}
    if facts is None:
        return _of_unknown(scores, rows, task, where)
    splits = _chosen(task) or facts.splits
    known = (DEFAULT,) if facts.members else facts.subsets
    subsets = (task.subsets if task else ()) or known
    wanted = [(split, subset) for split in splits for subset in subsets]
    there = [(split, subset) for split, subset in wanted if subset in rows.get(split, {})]
    _check_any(there, splits, subsets, rows, where)
    _check_once(scores, there, where)
    whole = len(there) == len(wanted)
    present = tuple(dict.fromkeys(split for split, _ in there))
    scope = Scope(
        splits=present,
        subsets=tuple(dict.fromkeys(subset for _, subset in there)),
        all_splits=splits,
        all_subsets=subsets,
    )
    signed = signed_splits(task) if task and present == splits else "+".join(map(word, present))
    return Parts(
        rows=tuple(rows[split][subset] for split, subset in there),
        splits=tuple(split for split, _ in there),
        of=len(wanted),
        signed_splits=signed,
        signed_subsets=None if whole else _signed(there, scope),
        warning="" if whole else f"incomplete: {_words(there, scope)}",
    )


def _chosen(task: OwnEmbeddingTask | None) -> tuple[str, ...]:
    """The splits that a task file chooses."""
    if task is None:
        return ()
    return (task.split,) if task.split else task.splits


def _by_subset(found: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {_subset(row): row for row in found}


def _subset(row: Row) -> str:
    return plain(str(row.get("hf_subset", DEFAULT)), 80)


def _check_once(scores: Scores, there: Sequence[tuple[str, str]], where: str) -> None:
    """Refuse a part that stands twice in the file: nothing says which of the two is right."""
    for split in dict.fromkeys(split for split, _ in there):
        times = Counter(map(_subset, scores[split]))
        for wanted, subset in there:
            if wanted == split and times[subset] > 1:
                in_split = f"in split {plain(split, 40)}"
                raise DataError(f"{where}: subset {subset} stands twice {in_split}")


def _of_unknown(
    scores: Scores,
    rows: Mapping[str, Mapping[str, dict[str, Any]]],
    task: OwnEmbeddingTask | None,
    where: str,
) -> Parts:
    """Of a task that mteb does not know: ``test`` or the only split, and all its subsets."""
    names = list(rows)
    splits = _chosen(task) or ("test" if "test" in rows or len(names) != 1 else names[0],)
    wanted = tuple(task.subsets) if task else ()
    there = [
        (split, subset)
        for split in splits
        for subset in rows.get(split, {})
        if not wanted or subset in wanted
    ]
    _check_any(there, splits, wanted, rows, where)
    _check_once(scores, there, where)
    lacking = len(there) < len(splits) * len(wanted)
    all_of_file = f"mean over all {len(there)} subsets in the file; mteb does not know the task"
    incomplete = f"incomplete: {len(there)} of {len(splits) * len(wanted)} parts"
    warning = incomplete if lacking else all_of_file if len(there) > 1 and not wanted else ""
    names = list(dict.fromkeys(subset for _, subset in there))
    return Parts(
        rows=tuple(rows[split][subset] for split, subset in there),
        splits=tuple(split for split, _ in there),
        of=len(splits) * len(wanted) if wanted else None,
        signed_splits=None if splits == ("test",) or _chosen(task) else "+".join(map(word, splits)),
        signed_subsets=_names(names) if lacking or (len(names) > 1 and not wanted) else None,
        warning=warning,
    )


def _check_any(
    there: Sequence[tuple[str, str]],
    splits: Sequence[str],
    subsets: Sequence[str],
    rows: Mapping[str, Mapping[str, Row]],
    where: str,
) -> None:
    """Refuse a file that has nothing of what is wanted, with what it has."""
    if there:
        return
    known = [split for split in splits if split in rows]
    if not known:
        has = listed([plain(split, 40) for split in rows]) or "–"
        raise DataError(f"{where}: no split {listed(list(splits))}, only {has}")
    if not any(rows[split] for split in known):
        raise DataError(f"{where}: no scores in split {listed(known)}")
    names = list(dict.fromkeys(subset for split in known for subset in rows[split]))
    wanted = listed(list(subsets))
    raise DataError(f"{where}: no subset {wanted} in split {listed(known)}, only {listed(names)}")


def _signed(there: Sequence[tuple[str, str]], scope: Scope) -> str:
    """The parts of an incomplete score as a signature states them."""
    if len(there) == len(scope.splits) * len(scope.subsets):
        return f"{len(scope.subsets)} of {len(scope.all_subsets)}: {_names(scope.subsets)}"
    return f"{len(there)} of {scope.of} parts #{digest(sorted(there))[:6]}"


def _words(there: Sequence[tuple[str, str]], scope: Scope) -> str:
    if len(there) == len(scope.splits) * len(scope.subsets):
        return scope.words
    return f"{len(there)} of {scope.of} parts"


def _names(subsets: Sequence[str]) -> str:
    shown = ", ".join(word(subset, 40) for subset in subsets[:NAMED])
    if len(subsets) <= NAMED:
        return shown
    return f"{shown}, +{len(subsets) - NAMED} #{digest(sorted(subsets))[:6]}"
