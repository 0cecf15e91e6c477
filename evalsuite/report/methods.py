"""Table 7 of the GRIT paper: a line a way of using what was retrieved, quality beside latency."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from evalsuite.registry.models import Suite
from evalsuite.registry.rag import BASELINES, Method
from evalsuite.report.model import Cell, Head, Note, Row, Table, TableSection
from evalsuite.report.notes import row_protocol, signature_notes, suspect_notes, warning_notes
from evalsuite.report.rows import RowPlan, plan_rows
from evalsuite.report.scores import task_score
from evalsuite.report.text import plain
from evalsuite.schema import Record
from evalsuite.suspicions import codes

if TYPE_CHECKING:
    from evalsuite.stats import Difference

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
    for plan in plans:
        latency = _latency(plan)
        several = len(plans) > 1
        rows += _rows(plan, latency, several=several)
        notes += [*_found(plan), *_tests(plan, several=several)]
        if latency:
            sizes[_lengths(latency)] = None
            notes += _storage_notes(latency)
    heads = [Head(label="Match"), Head(label="EM"), Head(label="F1")]
    measured = [Head(label="A, s"), Head(label="B, s"), Head(label="Storage")]
    names = [plan.name for plan in plans]
    suspect = [replace(note, mark=SUSPECT_MARK) for note in suspect_notes(plans)]
    notes = [*suspect, *(Note(text=text) for text in sizes), *notes]
    notes += [*warning_notes(plans), *signature_notes(plans, names, suite.tasks)]
    return Table(
        title=f"{plain(suite.name)}, as in Table 7 of the GRIT paper",
        sections=(
            TableSection(world="generative", title="Quality, %", columns=tuple(heads)),
            TableSection(world=None, title="Latency, median", columns=tuple(measured)),
        ),
        rows=tuple(rows),
        notes=tuple(replace(note, text=plain(note.text)) for note in notes),
        corner="Method",
    )


def _rows(plan: RowPlan, latency: Record | None, *, several: bool) -> Iterator[Row]:
    by_method = _by_method(plan)
    for group, methods in ROWS.items():
        shown = f"{plan.name}, {group}" if several and group else plan.name if several else group
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
    """Match with its standard error; exact match and F1."""
    if record is None or record.score is None:
        status = record.status if record else "missing"
        yield from (Cell(status=status) for _ in range(3))
        return
    task = record.signature.task
    score = task_score(task, {task: record}, {})
    suspect, mark = codes([record]), SUSPECT_MARK if record.suspicions else ""
    main = record.main_metric == "match"
    match = 100 * record.metrics["match"]
    yield Cell(
        status="scored",
        value=match,
        stderr=score.stderr if main else None,
        score=score if main else None,
        mark=mark,
        suspect=suspect,
    )
    for name in ("exact_match", "f1"):
        value = 100 * record.metrics[name]
        yield Cell(status="scored", value=value, mark=mark, suspect=suspect)


def _speed(method: Method, latency: Record | None) -> Iterator[Cell]:
    """Seconds on samples A and B with the interval of the median, and storage."""
    cells: list[dict[str, Any]] = latency.raw["cells"] if latency else []
    longest = max(latency.raw["lengths"]) if latency else 0
    for sample in ((1, longest), (longest, 1)):
        found = next(
            (c for c in cells if (c["method"], c["query"], c["document"]) == (method, *sample)),
            None,
        )
        if found is None:
            yield Cell(status="missing")
        else:
            span = f"{found['low']:.2f}–{found['high']:.2f}" if found["n"] > 1 else "once"
            text = f"{found['median']:.2f} ({span})"
            yield Cell(status="scored", value=found["median"], text=text)
    if latency is None or method.endswith("-embed"):
        yield Cell(status="missing")
        return
    stored = latency.raw["storage"]
    size = 0 if method == "none" else stored["index_bytes"]
    size += stored["caches_bytes"] if method in WITH_CACHES else 0
    yield Cell(status="scored", value=size, text=in_bytes(size))


def in_bytes(size: float) -> str:
    """A number of bytes with its decimal unit: ``43.9 GB``."""
    value, unit = float(size), 0
    while value >= 1000 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {UNITS[unit]}" if value < 100 else f"{value:.0f} {UNITS[unit]}"


def _by_method(plan: RowPlan) -> dict[Method, Record]:
    return {
        method: record
        for record in plan.records.values()
        if (method := record.task.get("rag", {}).get("method"))
    }


def _latency(plan: RowPlan) -> Record | None:
    for record in plan.records.values():
        if record.score is not None and record.task.get("rag", {}).get("latency") is not None:
            return record
    return None


def _lengths(latency: Record) -> str:
    longest, new = max(latency.raw["lengths"]), latency.raw["new_tokens"]
    return (
        f"A: question of 1 token, document of {longest}; B: the inverse; {new} new tokens; "
        "medians with their 95 % intervals where 6 or more repetitions allow"
    )


def _storage_notes(latency: Record) -> Iterator[Note]:
    found: Mapping[str, Any] = latency.raw["storage"]
    per_token, documents = found["bytes_per_token"], found["corpus_documents"]
    yield Note(
        text=f"storage: for {documents:,} documents of {found['corpus_tokens']} tokens "
        f"({found['corpus']}), {in_bytes(per_token)} of cache a token; a document of "
        f"{found['document_tokens']} tokens took {in_bytes(found['document_bytes'])}"
    )
    for name, saved in latency.raw["savings"].items():
        if name in ("doc-cache A", "query-cache B"):
            yield Note(
                text=f"{name} takes {saved['median']:.0%} less time than {saved['against']} "
                f"[{saved['low']:.0%}, {saved['high']:.0%}], {saved['n']} rounds"
            )


def _found(plan: RowPlan) -> list[Note]:
    """How good the retrieval was, where the questions' file allows to say."""
    shares = {r.metrics["found"] for r in plan.records.values() if "found" in r.metrics}
    if not shares:
        return []
    shown = " to ".join(f"{100 * share:.1f} %" for share in sorted({min(shares), max(shares)}))
    return [Note(text=f"{plan.name}: the document was found for {shown} of the questions")]


def _tests(plan: RowPlan, *, several: bool) -> list[Note]:
    """Each method against plain RAG with the same order, on the same questions."""
    from evalsuite.stats import holm, mcnemar_p, mean_influence, paired

    by_method = _by_method(plan)
    found: list[tuple[str, Difference | None, float, int, int]] = []
    for method, baseline in BASELINES.items():
        one, two = by_method.get(baseline), by_method.get(method)
        if one is None or two is None or not _comparable(one, two):
            continue
        before, after = one.raw["scores"], two.raw["scores"]
        won = sum(b > a for a, b in zip(before, after, strict=True))
        lost = sum(b < a for a, b in zip(before, after, strict=True))
        delta = sum(after) / len(after) - sum(before) / len(before)
        difference = paired(delta, mean_influence(before), mean_influence(after))
        found.append((method, difference, mcnemar_p(won, lost), won, lost))
    if not found:
        return []
    adjusted = holm([p for _, _, p, _, _ in found])
    name = f"{plan.name}: " if several else ""
    head = (
        f"{name}against RAG in the same order, points of match [95 % interval], McNemar's exact "
        f"test, p after Holm over {len(found)}:"
    )
    return [Note(text=head), *map(_line, found, adjusted)]


def _line(found: tuple[str, Difference | None, float, int, int], p: float) -> Note:
    method, difference, _, won, lost = found
    text = method
    if difference is not None:
        span = difference.interval()
        text += f" {100 * difference.delta:+.1f} [{100 * span.low:+.1f}, {100 * span.high:+.1f}],"
    return Note(text=f"{text} p = {p:.3f}; {won} gained, {lost} lost")


def _comparable(one: Record, two: Record) -> bool:
    """Whether both have a 0 or 1 for each of the same questions."""
    if one.score is None or two.score is None or {one.main_metric, two.main_metric} != {"match"}:
        return False
    same = one.signature.data == two.signature.data
    return same and len(one.raw["scores"]) == len(two.raw["scores"])
