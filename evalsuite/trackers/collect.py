"""From records and verdicts to what a tracker gets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from evalsuite.metrics import metric_of
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.check.verdicts import CheckResult
from evalsuite.schema import CheckpointRef, Record
from evalsuite.store import Store
from evalsuite.trackers.model import Alert, Samples, Tracked

MOST_SAMPLES: Final = 50
"""Samples of each task that are logged."""
MOST_CHARACTERS: Final = 2_000
"""Of a text in a table of samples."""


def series_of(checkpoint: CheckpointRef) -> str:
    """Name of the run in a tracker: the training that a checkpoint with a step belongs to."""
    folder = Path(checkpoint.source).parent.name
    return folder if checkpoint.step is not None and folder else checkpoint.name


def tracked_records(
    records: Iterable[Record],
    suite: Suite | None,
    registry: Registry,
    store: Store,
    files: Sequence[Path] = (),
) -> list[Tracked]:
    """What is logged of a run, one for each checkpoint; failed and skipped tasks have no score.

    Args:
        records: Of the run.
        suite: Gives averages.
        registry: For categories.
        store: Holds the samples.
        files: To keep beside the scores.
    """
    by_checkpoint: dict[str, list[Record]] = {}
    for record in records:
        if record.score is not None:
            by_checkpoint.setdefault(record.checkpoint.fingerprint, []).append(record)
    return [_tracked(found, suite, registry, store, files) for found in by_checkpoint.values()]


def _tracked(
    records: Sequence[Record],
    suite: Suite | None,
    registry: Registry,
    store: Store,
    files: Sequence[Path],
) -> Tracked:
    first = records[0].checkpoint
    return Tracked(
        series=series_of(first),
        step=first.step,
        config=_config(first, suite.name if suite else None),
        scores={**dict(_scores(records)), **dict(_averages(records, suite, registry))},
        samples=tuple(_samples(records, store)),
        files=tuple(str(path.resolve()) for path in files),
    )


def _config(checkpoint: CheckpointRef, suite: str | None) -> dict[str, str]:
    return {
        "checkpoint": checkpoint.name,
        "fingerprint": checkpoint.fingerprint,
        "suite": suite or "(tasks by name)",
    }


def _scores(records: Iterable[Record]) -> Iterator[tuple[str, float]]:
    for record in records:
        assert record.score is not None
        factor = metric_of(record).factor
        key = f"{record.signature.task}/{record.main_metric or 'score'}"
        yield key, factor * record.score
        if record.stderr is not None:
            yield f"{key}_stderr", factor * record.stderr


def _averages(
    records: Iterable[Record], suite: Suite | None, registry: Registry
) -> Iterator[tuple[str, float]]:
    from evalsuite.results.tables.build import build_table

    categories = {name: task.category for name, task in registry.tasks.items()}
    table = build_table(records, suite, categories=categories)
    titles = [section.title for section in table.sections for _ in section.columns]
    for row in table.rows[:1]:
        for title, head, cell in zip(titles, table.heads, row.cells, strict=True):
            if head.average and cell.value is not None:
                yield f"average/{title}", cell.value


def _samples(records: Iterable[Record], store: Store) -> Iterator[Samples]:
    from evalsuite.results.readable import TextReader, readable_samples

    for record in records:
        found = readable_samples(store, record, TextReader()) if record.samples else None
        if found is None:
            continue
        rows = found.rows(range(min(MOST_SAMPLES, record.samples.rows if record.samples else 0)))
        columns = tuple(dict.fromkeys(key for row in rows for key in row))
        texts = tuple(tuple(_text(row.get(key)) for key in columns) for row in rows)
        yield Samples(task=record.signature.task, columns=columns, rows=texts)


def _text(value: Any) -> str:
    text = "" if value is None else str(value)
    clean = (
        text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\N{REPLACEMENT CHARACTER}")
    )
    return clean if len(clean) <= MOST_CHARACTERS else f"{clean[:MOST_CHARACTERS]} …"


def tracked_check(result: CheckResult, records: Iterable[Record], files: Sequence[Path]) -> Tracked:
    """What is logged of a check: the candidate's scores and differences, and the verdict.

    Args:
        result: The verdict.
        records: Of the store; the candidate's say its step.
        files: To keep beside the scores.
    """
    from evalsuite.report.check_result import headline

    named = (one.checkpoint for one in records if one.checkpoint.name == result.candidate)
    checkpoint = next(named, None)
    scores: dict[str, float] = {}
    for one in (line.comparison for line in result.tasks if line.comparison):
        factor = one.metric.factor
        scores[f"{one.task}/{one.metric.name}"] = factor * one.second
        scores[f"{one.task}/delta"] = factor * one.delta
    line = headline(result)
    return Tracked(
        series=series_of(checkpoint) if checkpoint else result.candidate,
        step=checkpoint.step if checkpoint else None,
        config={"checkpoint": result.candidate, "baseline": result.baseline},
        scores=scores,
        alert=Alert(
            title=f"evalsuite: {line.partition(':')[0]}",
            text=f"{result.candidate} against {result.baseline}: {line}",
            good=result.blocking is None,
        ),
        files=tuple(str(path.resolve()) for path in files),
    )
