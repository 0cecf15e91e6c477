"""Which checkpoints, tasks and sections a table shows, and in which order."""

from __future__ import annotations

from typing import Any

import pytest

from evalsuite.errors import UsageError
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.selection import of_checkpoints, of_tasks
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.sorting import sorted_by
from evalsuite.schema import Record
from helpers.records import record, suite_records

RECORDS = [
    record("sts-a", 0.5, checkpoint="run-1", fingerprint="abcdef" + "0" * 58),
    record("sts-b", 0.9, checkpoint="run-1", fingerprint="abcdef" + "0" * 58),
    record("sts-a", 0.7, checkpoint="run-10", fingerprint="1" * 64),
    record("sts-a", 0.6, checkpoint="other", fingerprint="2" * 64),
    record("sts-a", 0.8, checkpoint="other", fingerprint="3" * 64, age=1),
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ([], {"a", "1", "2", "3"}),
        (["run-1"], {"a"}),
        (["run-*"], {"a", "1"}),
        (["run-1", "other"], {"a", "2", "3"}),
        (["abcdef"], {"a"}),
        (["other (22222222)"], {"2"}),
    ],
)
def test_checkpoints_by_name_pattern_and_fingerprint(wanted: list[str], found: set[str]) -> None:
    assert {r.checkpoint.fingerprint[0] for r in of_checkpoints(RECORDS, wanted)} == found


def test_tasks_by_name_and_pattern() -> None:
    assert len(of_tasks(RECORDS, ["*-b"])) == 1
    assert len(of_tasks(RECORDS, ["sts-b", "sts-a"])) == len(RECORDS)


@pytest.mark.parametrize(
    ("select", "text", "said"),
    [
        (of_checkpoints, "rum-1", r"no scores of 'rum-1' are stored here; did you mean run-1"),
        (of_checkpoints, "rum-*", "did you mean run-1"),
        (of_tasks, "sts-c", r"no scores of the task 'sts-c' are stored here; did you mean sts-"),
    ],
)
def test_what_is_not_stored_names_what_is_near(select: Any, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        select(RECORDS, [text])


def rows(records: list[Record], column: str) -> list[str]:
    return [row.name for row in sorted_by(build_table(records), column).rows]


def test_the_best_comes_first_and_what_has_no_score_last() -> None:
    assert rows(RECORDS[:3], "sts-a") == ["run-10", "run-1"]
    assert rows(RECORDS[:3], "sts-b") == ["run-1", "run-10"]


def test_where_lower_is_better_the_lowest_comes_first() -> None:
    found = [
        record("t", value, checkpoint=name, metric="word_perplexity", unit="other")
        for name, value in (("a", 30.0), ("b", 20.0), ("c", 40.0))
    ]
    assert rows(found, "t") == ["b", "a", "c"]


def test_a_column_has_to_be_there_and_alone() -> None:
    table = build_table(suite_records(), Registry.load().suite("smoke"))
    with pytest.raises(UsageError, match="has no column 'ST'; did you mean STS"):
        sorted_by(table, "ST")
    with pytest.raises(UsageError, match=r"2 columns are called 'Avg'; use .*'Embedding/Avg'"):
        sorted_by(table, "Avg")
    assert sorted_by(table, "Generative/Avg").rows[0].name == "left"


def smoke() -> Suite:
    return Registry.load().suite("smoke")


def generative(status: str) -> list[Record]:
    """The smoke suite of a checkpoint that embeds, with its generative tasks in one state."""
    over = {"status": status, "score": None, "metrics": {}, "reason": "no language-model head"}
    return [
        one.model_copy(update=over) if one.signature.world == "generative" else one
        for one in suite_records()
    ]


def test_a_section_of_skips_alone_is_a_note() -> None:
    categories = {name: task.category for name, task in Registry.load().tasks.items()}
    table = build_table(generative("skipped"), smoke(), categories=categories)
    assert [section.title for section in table.sections] == ["Embedding"]
    assert "Generative: not shown, since all of it was skipped (no language-model head)" in [
        note.text for note in table.notes
    ]


def test_a_section_without_records_is_a_note() -> None:
    embedding = [one for one in suite_records() if one.signature.world == "embedding"]
    table = build_table(embedding, smoke())
    assert [section.title for section in table.sections] == ["Embedding"]
    assert any("nothing of it was evaluated" in note.text for note in table.notes)


def test_a_section_with_failures_is_shown() -> None:
    table = build_table(generative("failed"), smoke())
    assert [section.title for section in table.sections] == ["Embedding", "Generative"]
