"""Rows that are shown in two halves: without and with reranking, or without and with an example."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from evalsuite.report.model import Note
from evalsuite.report.text import plain
from evalsuite.results.layout import natural
from evalsuite.results.rows import RowPlan, plan_rows
from evalsuite.schema import Record

BEFORE = "_before"
"""End of a metric's name: the main metric as it was before reranking."""


def reranked_rows(plans: Iterable[RowPlan]) -> list[RowPlan]:
    """Each row twice, as in Table 3 of the GRIT paper: as retrieved, and reranked."""
    return [half for plan in plans for half in (_before(plan), _named(plan, "rerank"))]


def _before(plan: RowPlan) -> RowPlan:
    records = {task: _unranked(record) for task, record in plan.records.items()}
    return _named(replace(plan, records=records), "no rerank")


def _unranked(record: Record) -> Record:
    score = record.metrics.get(f"{record.main_metric}{BEFORE}")
    if record.score is None or score is None:
        return record
    # What is said about the ranking does not hold before it.
    metrics = {name: value for name, value in record.metrics.items() if name != "unparsed"}
    update: dict[str, Any] = {"score": score, "stderr": None, "metrics": metrics, "warnings": ()}
    update["suspicions"] = tuple(
        one for one in record.suspicions if one.code not in ("nothing-parsed", "truncated-prompts")
    )
    return record.model_copy(update=update)


def example_rows(records: Sequence[Record], means: Iterable[str]) -> list[RowPlan]:
    """Rows as in Table 4 of the GRIT paper: without and with one example in the instruction."""
    kept = frozenset(means)
    halves = []
    for shots, name in ((0, "no example"), (1, "one example")):
        mine = [_stated(r) for r in records if (r.signature.shots or 0) == shots]
        halves += [
            (natural(plan.name), shots, _named(plan, name)) for plan in plan_rows(mine, kept)
        ]
    return [plan for *_, plan in sorted(halves, key=lambda half: half[:2])]


def _stated(record: Record) -> Record:
    """A record without the number of examples, which the row's name states."""
    signature = record.signature.model_copy(update={"shots": None})
    return record.model_copy(update={"signature": signature})


def _named(plan: RowPlan, half: str) -> RowPlan:
    return replace(plan, name=f"{plan.name}, {half}")


def difference_notes(plans: Iterable[RowPlan]) -> list[Note]:
    """What reranking changed, with the paired test over the queries of each task.

    Args:
        plans: One a checkpoint, before it is shown in halves.
    """
    lines = []
    for plan in plans:
        for task, record in plan.records.items():
            found = record.details.get("difference")
            if record.score is None or not found:
                continue
            text = f"{plain(plan.name)} {task}: {100 * found['delta']:+.2f}"
            if found["low"] is not None:
                text += f" [{100 * found['low']:+.2f}, {100 * found['high']:+.2f}]"
            counts = f"{found['better']} better, {found['worse']} worse, {found['equal']} equal"
            lines.append(f"{text}, p = {found['p']:.3f}; queries: {counts}")
    head = [Note(text="rerank minus no rerank, 95 % interval, paired permutation test by query:")]
    return [*head, *(Note(text=line) for line in lines)] if lines else []
