"""Scores that must not be trusted, in tables: marked, not ranked, named below."""

from __future__ import annotations

import csv
import io

import pytest

from evalsuite.kinds.rerank.report import reranked_rows
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.report.csvfile import to_csv
from evalsuite.results.frame import to_frame
from evalsuite.results.rows import plan_rows
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.notes import suspect_notes
from evalsuite.results.view import View
from evalsuite.schema import Record, Suspicion
from helpers.rag_results import with_quality
from helpers.records import record

COLLAPSED = Suspicion(code="collapsed-embeddings", what="all alike", next_step="look at them")
UNPARSED = Suspicion(code="nothing-parsed", what="no answer", next_step="look at it")


def suspect(record: Record, *why: Suspicion) -> Record:
    return record.model_copy(update={"suspicions": why or (COLLAPSED,)})


def columns(suite: Suite, *records: Record) -> dict[str, tuple[str, bool, bool]]:
    """Label → mark, best, suspect, of the first row."""
    table = build_table(records, suite)
    cells = zip(table.heads, table.rows[0].cells[:3], strict=False)  # the embedding section
    return {head.label: (cell.mark, cell.best, bool(cell.suspect)) for head, cell in cells}


@pytest.fixture
def records() -> list[Record]:
    names = ("a1", "a2", "a3")
    embedding = [record(t, s, checkpoint=who) for who, s in (("m", 0.9), ("n", 0.8)) for t in names]
    return [*embedding, *(record("b1", 0.5, checkpoint=w, category="b") for w in ("m", "n"))]


def test_marks_reach_the_column_and_the_average(suite: Suite, records: list[Record]) -> None:
    plain = columns(suite, *records)
    assert (plain["A"], plain["Avg"]) == (("", True, False), ("", True, False))
    found = columns(suite, suspect(records[0]), *records[1:])
    assert found["A"] == ("1", False, True)
    assert found["Avg"] == ("1", False, True)
    assert found["B"] == plain["B"]


def test_a_mean_that_lacks_a_task_says_so_too(suite: Suite, records: list[Record]) -> None:
    table = build_table([suspect(records[0])], suite)
    [row] = table.rows
    assert (row.cells[0].status, row.cells[0].mark) == ("missing", "1")
    assert table.suspect
    [line] = csv.DictReader(io.StringIO(to_csv(table)))
    assert line["Embedding/A status"] == "missing"


def test_one_note_names_code_and_tasks(suite: Suite, records: list[Record]) -> None:
    table = build_table([suspect(records[0]), suspect(records[1]), *records[2:]], suite)
    notes = [note for note in table.notes if note.text.startswith("suspect")]
    assert [(note.mark, note.text) for note in notes] == [
        ("1", "suspect: collapsed-embeddings: all alike; look at them (a1, a2)")
    ]
    assert table.suspect
    assert not build_table(records, suite).suspect


def test_the_score_of_one_task_by_data_set(suite: Suite, records: list[Record]) -> None:
    table = build_table([suspect(records[0]), *records[1:]], suite, view=View(layout="per-dataset"))
    marks = {row.name: row.cells[0].mark for row in table.rows}
    assert marks == {"a1": "1", "a2": "", "a3": "", "b1": "", "Average": "1"}
    assert table.suspect


def test_csv_and_frame_name_the_code(suite: Suite, records: list[Record]) -> None:
    found = [suspect(records[0], COLLAPSED, UNPARSED), *records[1:]]
    first, second = csv.DictReader(io.StringIO(to_csv(build_table(found, suite))))
    assert first["Embedding/A status"] == "suspect: collapsed-embeddings, nothing-parsed"
    assert second["Embedding/A status"] == "scored"
    frame = to_frame(found)
    assert frame["suspicions"][0].splitlines()[1] == "nothing-parsed: no answer; look at it"
    assert frame["suspicions"][1] == ""


def test_what_is_said_of_a_ranking_does_not_hold_before_it() -> None:
    metrics = {"accuracy": 0.5, "accuracy_before": 0.4}
    made = suspect(record("a1", 0.5, metrics=metrics), COLLAPSED, UNPARSED)
    (before, after), _ = reranked_rows([made], ())
    assert before.records["a1"].suspicions == (COLLAPSED,)
    assert after.records["a1"].suspicions == (COLLAPSED, UNPARSED)


def test_ways_of_using_what_was_retrieved() -> None:
    """Table 7 has a line a method: the mark stands at its scores, the reason below."""
    made = record("rag-none", 0.5, world="generative", metric="match")
    metrics = {"match": 0.5, "exact_match": 0.25, "f1": 0.5}
    made = with_quality(made.model_copy(update={"metrics": metrics}), "none", {})
    table = build_table([suspect(made, UNPARSED)], Registry.load().suite("grit-rag"))
    assert [cell.mark for cell in table.rows[0].cells] == ["!", "!", "!", "", "", ""]
    assert table.suspect
    assert [note.text for note in table.notes if note.mark == "!"] == [
        "suspect: nothing-parsed: no answer; look at it (m: rag-none)"
    ]


def test_notes_of_tables_whose_cells_have_other_marks() -> None:
    rows = plan_rows(
        [suspect(record("a1")), suspect(record("a1", checkpoint="n")), record("a2", checkpoint="n")]
    )
    assert [note.text for note in suspect_notes(rows)] == [
        "suspect: collapsed-embeddings: all alike; look at them (m: a1, n: a1)"
    ]
