"""Tables 3 and 4 of the GRIT paper: each checkpoint in two halves."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.report.page.collect import collect
from evalsuite.report.page.document import page
from evalsuite.results.published import published_for
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.model import Table
from evalsuite.results.view import View
from evalsuite.schema import Record
from helpers.records import record

REGISTRY = Registry.load()
RERANK = REGISTRY.suite("grit-rerank")
SHOTS = REGISTRY.suite("grit-shots")


def reranked(task: str, before: float, after: float, **signature: Any) -> Record:
    made = record(task, after, world="generative", metric="ndcg_at_10", **signature)
    difference = {
        "delta": after - before,
        "low": after - before - 0.01,
        "high": after - before + 0.01,
        "p": 0.04,
        "better": 7,
        "worse": 3,
        "equal": 290,
    }
    update = {
        "metrics": {"ndcg_at_10": after, "ndcg_at_10_before": before, "unparsed": 0.25},
        "details": {"difference": difference},
        "warnings": ("2 prompts were cut",),
    }
    return made.model_copy(update=update)


def cells(table: Table) -> dict[str, list[float | None]]:
    return {row.name: [cell.value for cell in row.cells] for row in table.rows}


def test_table_3_has_a_line_a_data_set_and_two_columns() -> None:
    records = [reranked("SciFact-rerank", 0.40, 0.50), reranked("NFCorpus-rerank", 0.30, 0.25)]
    table = build_table(records, RERANK)
    assert [head.label for head in table.heads] == ["m, no rerank", "m, rerank"]
    found = cells(table)
    assert next(iter(found)) == "ArguAna"
    assert len(found) == 15 + 1
    assert found["SciFact"] == pytest.approx([40.0, 50.0])
    assert found["NFCorpus"] == pytest.approx([30.0, 25.0])
    assert found["ArguAna"] == found["Average"] == [None, None], "no mean over fewer data sets"
    notes = [note.text for note in table.notes]
    assert (
        "m SciFact-rerank: +10.00 [+9.00, +11.00], p = 0.040; queries: 7 better, 3 worse, 290 equal"
    ) in notes
    # What is said of the ranking is said of the ranked half alone.
    assert any(note.startswith("no answer found: ") and "m, rerank" in note for note in notes)
    assert not any("no rerank" in note for note in notes if "prompts were cut" in note)


def test_table_3_takes_the_mean_of_the_forums() -> None:
    [mean] = RERANK.subtask_means
    records = [reranked(task, 0.3 + 0.01 * i, 0.4) for i, task in enumerate(mean.mean_of)]
    found = cells(build_table(records, RERANK))
    assert found["CQADupstack"] == pytest.approx([30 + 5.5, 40.0])


def shots(task: str, score: float, number: int | None, **rest: Any) -> Record:
    return record(task, score, shots=number, **rest)


def test_table_4_has_the_halves_side_by_side() -> None:
    records = [
        shots("STS12", 0.70, None),
        shots("STS12", 0.75, 1, age=1),
        shots("Banking77Classification", 0.80, None),
        record("STS12", 0.6, checkpoint="other"),
    ]
    table = build_table(records, SHOTS)
    assert [head.label for head in table.heads] == [
        "m, no example",
        "m, one example",
        "other, no example",
    ]
    found = cells(table)
    assert found["STS12"] == [70.0, 75.0, 60.0]
    assert found["Banking77"] == [80.0, None, None]
    assert len(found) == 12 + 1
    assert not any("older" in note.text for note in table.notes), "both are the newest of a kind"


@pytest.mark.parametrize(
    ("layout", "suite", "file"),
    [
        ("table3", "grit-rerank", "table3_rerank.csv"),
        ("table4", "grit-shots", "table4_fewshot_embedding.csv"),
    ],
)
@pytest.mark.realdata
def test_published_figures_are_the_papers(
    layout: Any, suite: str, file: str, shared_data: Path
) -> None:
    chosen: Suite = REGISTRY.suite(suite)
    view = View(layout=layout, published=published_for(layout, suite))
    table = build_table([], chosen, view=view, decimals=2)
    with (shared_data.parent / "reference" / file).open() as stream:
        lines = {line[0]: line[1:] for line in list(csv.reader(stream))[1:]}
    found = cells(table)
    average = lines.pop("Average", None)
    for name, printed in lines.items():
        assert found[name] == [float(figure) for figure in printed], name
    assert set(found) - {"Average"} == set(lines)
    if average:
        assert found["Average"] == [57.4, 57.9]


@pytest.mark.parametrize("suite", [RERANK, SHOTS])
def test_the_page_keeps_a_row_a_checkpoint(suite: Suite) -> None:
    records = [reranked("SciFact-rerank", 0.4, 0.5), shots("STS12", 0.7, None)]
    data = collect(records, suite, {}, lambda _: None)
    assert [row.name for row in data.table.rows] == ["m"]
    assert "m" in page(data)
