"""What may share a row, a column and a mean; values worked out by hand."""

from __future__ import annotations

import csv
import math
import time
from pathlib import Path

import pytest

from evalsuite.registry.suites import Column, Section, SubtaskMean, Suite
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.model import Cell, Table
from evalsuite.schema import Record
from helpers.records import record


def shown(table: Table, row: int = 0) -> list[str]:
    return [cell.shown(table.decimals) for cell in table.rows[row].cells]


def notes(table: Table) -> str:
    return "\n".join(f"{note.mark}: {note.text}" for note in table.notes)


def complete(name: str = "m", **signature: object) -> list[Record]:
    """a1..a3 = 10, 20, 60; b1 = 50; g1 = 40; g2 = 80 (in percent)."""
    scores = {"a1": 0.1, "a2": 0.2, "a3": 0.6}
    return [
        *(
            record(task, score, checkpoint=name, category="a", **signature)
            for task, score in scores.items()
        ),
        record("b1", 0.5, checkpoint=name, category="b", **signature),
        record("g1", 0.4, checkpoint=name, world="generative", category="g"),
        record("g2", 0.8, checkpoint=name, world="generative", category="g"),
    ]


def test_average_over_tasks_and_over_columns(suite: Suite) -> None:
    table = build_table(complete(), suite)
    # A = (10+20+60)/3 = 30, B = 50; over the 4 tasks (10+20+60+50)/4 = 35, not (30+50)/2 = 40.
    # Over the 2 generative columns (40+80)/2 = 60.
    assert shown(table) == ["30.0", "50.0", "35.0", "40.0", "80.0", "60.0"]


def test_standard_error_of_means() -> None:
    records = [record(t, 0.5, stderr=se) for t, se in (("a", 0.03), ("b", 0.04), ("c", None))]
    section = Section(
        world="embedding",
        title="E",
        columns=(Column(label="AB", tasks=("a", "b")), Column(label="C", tasks=("c",))),
    )
    ab, c, average = (
        build_table(records, Suite(name="s", tasks=("a", "b", "c"), sections=(section,)))
        .rows[0]
        .cells
    )
    # sqrt(3² + 4²) / 2 = 2.5
    assert ab.stderr == pytest.approx(2.5)
    assert ab.shown(1, stderr=True) == "50.0 ± 2.5"
    assert c.stderr is None
    assert average.stderr is None


@pytest.mark.parametrize("gone", ["a1", "a2", "b1"])
def test_missing_is_never_averaged_over(suite: Suite, gone: str) -> None:
    other = complete("whole")  # the category of b1 stays known
    records = [r for r in complete() if r.signature.task != gone]
    table = build_table([*records, *other], suite)
    column = 1 if gone == "b1" else 0
    expected = ["30.0", "50.0", "–", "40.0", "80.0", "60.0"]
    expected[column] = "–"
    assert shown(table, 0) == expected
    assert shown(table, 1)[2] == "35.0"


def test_incomplete_cell_is_explained(suite: Suite) -> None:
    table = build_table([r for r in complete() if r.signature.task != "a2"], suite)
    assert "m A 2 of 3 (without a2)" in notes(table)


def test_failed_and_skipped(suite: Suite) -> None:
    records = [r for r in complete() if r.signature.task not in ("a3", "g2")]
    records.append(record("a3", None, reason="out of\nmemory", category="a"))
    records.append(
        record("g2", None, world="generative", status="skipped", reason="no sandbox", code=9)
    )
    table = build_table(records, suite)
    assert len(table.rows) == 1  # a skip says nothing about the protocol: no row of its own
    assert shown(table) == ["failed", "50.0", "–", "40.0", "skip", "–"]
    assert [cell.mark for cell in table.rows[0].cells] == ["1", "", "", "", "2", ""]
    assert "1: failed: out of memory (a3)" in notes(table)
    assert "2: skipped: no sandbox (g2)" in notes(table)


def test_unknown_category_empties_category_columns(suite: Suite) -> None:
    records = [r for r in complete() if r.signature.task != "b1"]
    table = build_table(records, suite)
    assert shown(table)[:3] == ["30.0", "–", "–"]
    assert "category not known, so category columns are empty: b1" in notes(table)
    named = build_table(records, suite, categories={"b1": "other"})
    assert "category not known" not in notes(named)
    assert shown(named)[2] == "–"  # column B has no task at all


def test_subtask_mean_counts_once() -> None:
    suite = Suite(
        name="s",
        tasks=("r", "q1", "q2"),
        subtask_means=(SubtaskMean(name="Q", mean_of=("q1", "q2"), category="retr"),),
        sections=(
            Section(
                world="embedding",
                title="E",
                columns=(Column(label="Retr", category="retr"), Column(label="Q", tasks=("Q",))),
                average="tasks",
            ),
        ),
    )
    records = [record(t, s, category="retr") for t, s in (("r", 0.9), ("q1", 0.2), ("q2", 0.4))]
    # Q = (20+40)/2 = 30; Retr = (90+30)/2 = 60, not (90+20+40)/3; average over {r, Q} = 60.
    assert shown(build_table(records, suite)) == ["60.0", "30.0", "60.0"]
    assert shown(build_table(records[:-1], suite)) == ["–", "–", "–"]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"attention": "causal"}, "attn:causal"),
        ({"pooling": "last"}, "pool:last"),
        ({"limit": 40}, "limit:40"),
        ({"dtype": "bfloat16"}, "dtype:bfloat16"),
        ({"template": "<|user|>{instruction}"}, "template:<|user|>{instruction}"),
        ({"seed": 7}, "seed:7"),
    ],
)
def test_variants_never_share_a_row(suite: Suite, change: dict[str, object], text: str) -> None:
    a1, a2, a3 = (record(task, 0.5) for task in ("a1", "a2", "a3"))
    table = build_table([a1, a2, record("a3", 0.9, age=5, **change)], suite)
    assert [shown(table, row)[0] for row in (0, 1)] == ["–", "–"]
    assert [row.mark for row in table.rows] == ["a", "b"]
    assert text in next(note.text for note in table.notes if note.mark == "b")
    whole = build_table([a1, a2, a3, record("a3", 0.9, age=5, **change)], suite)
    assert [shown(whole, row)[0] for row in (0, 1)] == ["50.0", "–"]


def test_worlds_pair_by_limit() -> None:
    records = [
        record("e", 0.1, limit=40, age=0),
        record("e", 0.2, age=1),
        record("g", 0.4, world="generative", age=2),
        record("g", 0.3, world="generative", limit=40, age=3),
    ]
    table = build_table(records)
    assert [shown(table, row) for row in (0, 1)] == [["10.0", "30.0"], ["20.0", "40.0"]]
    assert not any(cell.best for row in table.rows for cell in row.cells)  # not comparable
    assert all(head.mark == "†" for head in table.heads)
    assert "†: rows differ in limit, split or subsets (e, g)" in notes(table)


def test_same_name_is_told_apart_by_fingerprint() -> None:
    records = [record("e", 0.1, fingerprint=c * 64) for c in "ab"]
    assert [row.name for row in build_table(records).rows] == ["m (aaaaaaaa)", "m (bbbbbbbb)"]


def test_newest_record_wins() -> None:
    newest, older = record("e", 0.3, age=9), record("e", 0.2, age=1)
    for records in ([newest, older], [older, newest]):
        table = build_table(records)
        assert shown(table) == ["30.0"]
        assert table.rows[0].cells[0].mark == ""


def test_other_signature_of_the_same_protocol_is_marked() -> None:
    records = [
        record("g", 0.2, world="generative", shots=0),
        record("g", 0.3, world="generative", shots=8, age=1),
    ]
    table = build_table(records)
    assert shown(table) == ["30.0"]
    assert table.rows[0].cells[0].mark == "1"
    assert "1: newest of 2 records: shots:8 (older: shots:0) (g)" in notes(table)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"data": "0" * 64}, "rows differ in data (a1)"),
        ({"task_hash": "0" * 64}, "rows differ in the task's definition or shots (a1)"),
        ({"judge": "gpt-4/t0"}, "rows differ in judge (a1)"),
    ],
)
def test_columns_that_cannot_be_compared(
    suite: Suite, change: dict[str, object], text: str
) -> None:
    other = [r for r in complete("other") if r.signature.task != "a1"]
    other.append(record("a1", 0.9, checkpoint="other", category="a", **change))
    table = build_table([*complete(), *other], suite)
    assert [head.mark for head in table.heads] == ["†", "", "†", "", "", ""]
    assert f"†: {text}" in notes(table)
    best = [[cell.best for cell in row.cells] for row in table.rows]
    assert best == [[False, True, False, True, True, True]] * 2


def best_and_second(values: list[float | None], **more: object) -> str:
    records = [
        record("e", value, checkpoint=f"m{i}", **more)
        for i, value in enumerate(values)
        if value is not None
    ]

    def sign(cell: Cell) -> str:
        return "B" if cell.best else "s" if cell.second else "."

    return "".join(sign(row.cells[0]) for row in build_table(records).rows)


def test_best_and_second() -> None:
    assert best_and_second([0.3, 0.5, 0.4]) == ".Bs"
    assert best_and_second([0.3]) == "."
    # 66.76 and 66.82 both show as 66.8: they tie, as in Table 1 of the paper.
    assert best_and_second([0.6676, 0.6682, 0.657]) == "BBs"
    # Of perplexity and bits, the lowest is the best; of an unknown metric none is.
    assert best_and_second([12.0, 9.0, 10.0], percent=False, metric="perplexity") == ".Bs"
    assert best_and_second([0.93, 0.68], metric="bits_per_byte") == "sB"
    assert best_and_second([0.3, 0.5], metric="something") == ".."


def test_not_percent_is_shown_as_it_is() -> None:
    section = Section(
        world="embedding",
        title="E",
        columns=(Column(label="X", tasks=("x",)), Column(label="Y", tasks=("y",))),
    )
    suite = Suite(name="s", tasks=("x", "y"), sections=(section,))
    records = [record("x", 12.5, percent=False), record("y", 0.5)]
    table = build_table(records, suite)
    assert shown(table) == ["12.5", "50.0", "–"]  # no mean of different units
    assert "scores × 100, except X" in notes(table)


def test_without_a_suite() -> None:
    records = [
        record("sts-10", 0.5),
        record("sts-2", 0.5),
        record("gsm", 0.1, world="generative"),
    ]
    table = build_table(records)
    assert [s.title for s in table.sections] == ["Embedding", "Generative"]
    assert [head.label for head in table.heads] == ["sts-2", "sts-10", "gsm"]
    assert not any(head.average for head in table.heads)


def test_other_tasks_do_not_matter(suite: Suite) -> None:
    suite = suite.model_copy(update={"tasks": (*suite.tasks, "without-column")})
    stranger = record("without-column", 0.5, category="x", pooling="last")
    assert len(build_table([*complete(), stranger], suite).rows) == 1
    suite = suite.model_copy(update={"tasks": suite.tasks[:-1]})
    stranger = record("elsewhere", 0.5, attention="causal")
    assert build_table([*complete(), stranger], suite) == build_table(complete(), suite)


def test_order_of_records_does_not_matter(suite: Suite) -> None:
    records = [*complete("m10"), *complete("m9", pooling="last")]
    table = build_table(records, suite)
    assert [row.name for row in table.rows] == ["m9", "m10"]
    assert build_table(records[::-1], suite).rows == table.rows


def test_signatures_name_common_parts_once(suite: Suite) -> None:
    table = build_table([*complete("x"), *complete("y", pooling="last")], suite)
    lines = [note.text for note in table.notes if note.text.startswith("signature")]
    assert lines[0] == "signature: dev:cpu"
    assert lines[1].startswith("signature [embedding]: tasks:4@")
    assert lines[1].endswith(
        "|instr:none|attn:bi|norm:yes|len:256|dtype:float32"
        "|engine:sentence-transformers-6.2.0|harness:mteb-2.26.24"
    )
    assert lines[2:4] == [
        "signature [x, embedding]: pool:mean",
        "signature [y, embedding]: pool:last",
    ]
    assert lines[4].startswith("signature [generative]: tasks:2@")
    assert len(lines) == 5


def test_signatures_list_what_differs_by_task() -> None:
    records = [record(t, 0.1, world="generative", shots=s) for t, s in (("x", 0), ("y", 8))]
    table = build_table(records)
    assert "signature [generative, by task]: shots: 0 (x), 8 (y)" in notes(table)


@pytest.mark.realdata
def test_published_row(shared_data: Path) -> None:
    """GritLM 7B in Table 1 of the GRIT paper, from its 56 scores in Table 26."""
    with (shared_data.parent / "reference" / "mteb_table26.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    categories = dict.fromkeys(row["category"] for row in rows)
    columns = tuple(Column(label=name, category=name) for name in categories)
    section = Section(world="embedding", title="MTEB", columns=columns, average="tasks")
    suite = Suite(name="mteb", tasks=tuple(r["dataset"] for r in rows), sections=(section,))
    records = [
        record(
            r["dataset"],
            float(r["gritlm_7b"]) / 100,
            checkpoint="GritLM 7B",
            category=r["category"],
        )
        for r in rows
    ]
    assert len(records) == 56
    table = build_table(records, suite)
    assert list(categories) == ["CLF", "Clust", "Pair", "Rerank", "Retr", "STS", "Summ"]
    assert shown(table) == ["79.5", "50.6", "87.2", "60.5", "57.4", "83.4", "30.4", "66.8"]
    assert (
        shown(
            build_table(
                records[1:], suite, categories={"AmazonCounterfactualClassification": "CLF"}
            )
        )[0]
        == "–"
    )


def test_table_of_100_checkpoints_is_fast(suite: Suite) -> None:
    records = [r for i in range(200) for r in complete(f"m{i}")]
    assert len(records) == 1200
    start = time.process_time()
    table = build_table(records, suite)
    assert time.process_time() - start < 1
    assert len(table.rows) == 200
    assert all(math.isclose(row.cells[2].value or 0, 35) for row in table.rows)
