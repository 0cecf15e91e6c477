"""Table 3 of the GRIT paper: each checkpoint twice, as retrieved and reranked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from evalsuite.kinds.rerank.result import score_before, stored_difference
from evalsuite.results.rows import RowPlan, plan_rows
from evalsuite.results.tables.model import Note
from evalsuite.schema import Record
from evalsuite.text import plain

OF_THE_RANKING = ("nothing-parsed", "truncated-prompts")
"""Suspicions about the replies of the model that reranks."""


def reranked_rows(
    records: Sequence[Record], means: Iterable[str]
) -> tuple[list[RowPlan], list[Note]]:
    """Each row twice, and what reranking changed.

    Args:
        records: Of the table's tasks.
        means: Tasks whose score is a mean over others.

    Returns:
        The rows, and notes with the paired test over the queries of each task.
    """
    plans = plan_rows(records, frozenset(means))
    rows = [row for plan in plans for row in (_before(plan), _named(plan, "rerank"))]
    return rows, _differences(plans)


def _before(plan: RowPlan) -> RowPlan:
    records = {task: _unranked(record) for task, record in plan.records.items()}
    return _named(replace(plan, records=records), "no rerank")


def _unranked(record: Record) -> Record:
    score = score_before(record)
    if score is None:
        return record
    # Warnings and suspicions about the ranking do not hold before it.
    metrics = {name: value for name, value in record.metrics.items() if name != "unparsed"}
    update: dict[str, Any] = {"score": score, "stderr": None, "metrics": metrics, "warnings": ()}
    update["suspicions"] = tuple(one for one in record.suspicions if one.code not in OF_THE_RANKING)
    return record.model_copy(update=update)


def _named(plan: RowPlan, half: str) -> RowPlan:
    return replace(plan, name=f"{plan.name}, {half}")


def _differences(plans: Iterable[RowPlan]) -> list[Note]:
    lines = []
    for plan in plans:
        for task, record in plan.records.items():
            found = stored_difference(record)
            if found is None:
                continue
            text = f"{plain(plan.name)} {task}: {100 * found.delta:+.2f}"
            if found.low is not None and found.high is not None:
                text += f" [{100 * found.low:+.2f}, {100 * found.high:+.2f}]"
            counts = f"{found.better} better, {found.worse} worse, {found.equal} equal"
            lines.append(f"{text}, p = {found.p:.3f}; queries: {counts}")
    head = [Note(text="rerank minus no rerank, 95 % interval, paired permutation test by query:")]
    return [*head, *(Note(text=line) for line in lines)] if lines else []
