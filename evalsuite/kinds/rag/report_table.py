"""Table 7 of the GRIT paper: a line a way of using what was retrieved, quality beside latency."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final

from evalsuite.kinds.rag.report_tests import METRICS, as_main, method_tests
from evalsuite.kinds.rag.result import (
    LatencyResult,
    Saving,
    has_latency,
    latency_result,
    method_of,
)
from evalsuite.kinds.rag.task import Method
from evalsuite.registry.suites import Suite
from evalsuite.results.means import task_score
from evalsuite.results.rows import RowPlan, plan_rows
from evalsuite.results.tables.model import Cell, Head, Note, Row, Table, TableSection
from evalsuite.results.tables.notes import (
    row_protocol,
    signature_notes,
    suspect_notes,
    warning_notes,
)
from evalsuite.schema import Record
from evalsuite.suspicions import codes
from evalsuite.text import plain

ROWS: Final[dict[str, dict[Method, str]]] = {
    "": {"none": "No RAG"},
    "query then document": {
        "query-doc": "RAG",
        "query-cache": "Query caching",
        "query-doc-cache": "Query-doc caching",
        "query-doc-embed": "as query caching, no cache",
    },
    "document then query": {
        "doc-query": "RAG",
        "doc-cache": "Doc caching",
        "doc-query-cache": "Doc-query caching",
        "doc-query-embed": "as doc caching, no cache",
    },
}
"""Group → method → name of the row, as in the paper; the last of each group is evalsuite's."""
WITH_CACHES: Final = frozenset({"query-doc-cache", "doc-cache", "doc-query-cache"})
"""Methods for which a cache of every document is stored."""
SUSPECT_MARK: Final = "!"
"""At scores that must not be trusted without a look."""
UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def method_table(records: Sequence[Record], suite: Suite) -> Table:
    """Make the table of a suite of tasks of kind ``rag``.

    Args:
        records: Of the suite's tasks.
        suite: Names the table.
    """
    plans = plan_rows(records)
    rows: list[Row] = []
    notes: list[Note] = []
    sizes: dict[str, None] = {}
    names = [_named(plan) for plan in plans]
    for plan, name in zip(plans, names, strict=True):
        latency = _latency(plan)
        shown = name if len(plans) > 1 else ""
        rows += _rows(plan, latency, shown)
        notes += _found(plan, name)
        notes += [Note(text=text) for text in method_tests(_by_method(plan), shown)]
        if latency:
            sizes[_lengths(latency)] = None
            notes += _storage_notes(latency, shown)
    heads = [Head(label=label) for label in METRICS.values()]
    measured = [Head(label="A, s"), Head(label="B, s"), Head(label="Storage")]
    suspect = [replace(note, mark=SUSPECT_MARK) for note in suspect_notes(plans)]
    notes = [*suspect, *(Note(text=text) for text in sizes), *notes]
    notes += [*warning_notes(plans), *signature_notes(plans, names, suite.tasks)]
    return Table(
        title=f"{plain(suite.name)}, as in Table 7 of the GRIT paper",
        sections=(
            TableSection(world="generative", title="Quality, % (95 %)", columns=tuple(heads)),
            TableSection(world=None, title="Latency, median", columns=tuple(measured)),
        ),
        rows=tuple(rows),
        notes=tuple(replace(note, text=plain(note.text)) for note in notes),
        corner="Method",
    )


def _named(plan: RowPlan) -> str:
    """The checkpoint, with what sets this row apart from its others: another device, say."""
    return f"{plan.name} ({plan.difference})" if plan.difference else plan.name


def _rows(plan: RowPlan, latency: LatencyResult | None, name_shown: str) -> Iterator[Row]:
    by_method = _by_method(plan)
    for group, methods in ROWS.items():
        shown = ", ".join(filter(None, (name_shown, group)))
        for method, name in methods.items():
            record = by_method.get(method)
            if record is None and latency is None:
                continue
            yield Row(
                name=name,
                fingerprint=plan.fingerprint,
                group=plain(shown),
                protocol=row_protocol(plan),
                cells=(*_quality(record), *_speed(method, latency)),
            )


def _quality(record: Record | None) -> Iterator[Cell]:
    """Match, exact match and F1, each with its interval where the questions' scores are known."""
    if record is None or record.score is None:
        status = record.status if record else "missing"
        yield from (Cell(status=status) for _ in METRICS)
        return
    suspect, mark = codes([record]), SUSPECT_MARK if record.suspicions else ""
    for metric in METRICS:
        one = as_main(record, metric)
        score = task_score(one.signature.task, {one.signature.task: one}, {})
        assert score.value is not None
        known = score.interval()
        text = f"{score.value:.1f} ({known.low:.1f}–{known.high:.1f})" if known else ""
        yield Cell(
            status="scored",
            value=score.value,
            stderr=score.stderr,
            score=score,
            text=text,
            mark=mark,
            suspect=suspect,
        )


def _speed(method: Method, latency: LatencyResult | None) -> Iterator[Cell]:
    """Seconds on samples A and B with the interval of the median, and storage."""
    longest = latency.longest if latency else 0
    for query, document in ((1, longest), (longest, 1)):
        found = latency.cell(method, query, document) if latency else None
        if found is None:
            yield Cell(status="missing")
        else:
            span = f"{found.low:.2f}–{found.high:.2f}" if found.n > 1 else "once"
            text = f"{found.median:.2f} ({span})"
            yield Cell(status="scored", value=found.median, text=text)
    if latency is None or method.endswith("-embed"):
        yield Cell(status="missing")
        return
    size = 0 if method == "none" else latency.storage.index_bytes
    size += latency.storage.caches_bytes if method in WITH_CACHES else 0
    yield Cell(status="scored", value=size, text=in_bytes(size))


def in_bytes(size: float) -> str:
    """A number of bytes with its decimal unit: ``43.9 GB``."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {UNITS[unit]}" if value < 100 else f"{value:.0f} {UNITS[unit]}"


def _by_method(plan: RowPlan) -> dict[Method, Record]:
    return {method: record for record in plan.records.values() if (method := method_of(record))}


def _latency(plan: RowPlan) -> LatencyResult | None:
    return next((latency_result(r) for r in plan.records.values() if has_latency(r)), None)


def _lengths(latency: LatencyResult) -> str:
    return (
        f"A: question of 1 token, document of {latency.longest}; B: the inverse; "
        f"{latency.new_tokens} new tokens; "
        "medians with their 95 % intervals where 6 or more repetitions allow"
    )


def _storage_notes(latency: LatencyResult, name: str) -> Iterator[Note]:
    found = latency.storage
    whose = f"{name}: " if name else ""
    yield Note(
        text=f"{whose}storage: for {found.corpus_documents:,} documents of {found.corpus_tokens} "
        f"tokens ({found.corpus}), {in_bytes(found.bytes_per_token)} of cache a token; a document "
        f"of {found.document_tokens} tokens took {in_bytes(found.document_bytes)}"
    )
    for what, saved in latency.savings.items():
        if what in ("doc-cache A", "query-cache B"):
            yield Note(text=f"{whose}{what} takes {_saved(saved)}")


def _saved(saved: Saving) -> str:
    """A share of time saved against a baseline, with its interval where there is one."""
    less = "less" if saved.median >= 0 else "more"
    text = f"{abs(saved.median):.0%} {less} time than {saved.against}"
    if saved.n == 1:
        return f"{text}, timed once"
    return f"{text} [{saved.low:.0%}, {saved.high:.0%} saved], {saved.n} rounds"


def _found(plan: RowPlan, name: str) -> list[Note]:
    """How good the retrieval was, where the questions' file allows to say."""
    shares = {r.metrics["found"] for r in plan.records.values() if "found" in r.metrics}
    if not shares:
        return []
    shown = " to ".join(f"{100 * share:.1f} %" for share in sorted({min(shares), max(shares)}))
    return [Note(text=f"{name}: the document was found for {shown} of the questions")]
