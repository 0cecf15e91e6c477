"""Ranks by Borda count, against pandas' ranks, and means over groups and parts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evalsuite.registry.suites import Column, Part, Section, Suite
from evalsuite.results.column_scores import borda
from evalsuite.results.tables.build import build_table
from tests.helpers.records import record


def test_ranks_are_those_of_average_ranks_summed_over_tasks() -> None:
    rng = np.random.default_rng(5)
    scores = rng.integers(0, 6, size=(9, 7)) / 5  # many ties
    points = (len(scores) - pd.DataFrame(scores).rank(ascending=False)).sum(axis=1)
    expected = points.rank(method="min", ascending=False).astype(int)
    assert borda(scores.tolist()) == expected.tolist()


def test_a_row_that_lacks_a_score_takes_no_part() -> None:
    assert borda([[0.1, 0.9], [0.9, None], [0.2, 0.8]]) == [1, None, 1]
    assert borda([]) == []


def test_means_over_groups_and_parts_in_a_table() -> None:
    columns = (
        Column(label="Rank", ranks=("a", "b", "c")),
        Column(label="Types", groups=(("a", "b"), ("c",)), average=True),
        Column(label="Short", parts=(Part(task="a", splits=("s1",)), Part(task="b"))),
    )
    section = Section(world="embedding", title="S", columns=columns, average="none")
    suite = Suite(name="s", tasks=("a", "b", "c"), sections=(section,))
    raw = {
        "scores": {s: [{"hf_subset": "x", "main_score": v}] for s, v in (("s1", 0.1), ("s2", 0.5))}
    }
    of_a = record("a", 0.3, checkpoint="m", raw=raw)
    of_b = record("b", 0.5, checkpoint="m", raw={"scores": {"t": [{"main_score": 0.5}]}})
    rest = record("c", 0.8, checkpoint="m")
    other = [record(task, 0.9, checkpoint="n") for task in "abc"]
    table = build_table([of_a, of_b, rest, *other], suite)
    first, second = table.rows
    assert [cell.shown(1) for cell in first.cells] == ["2", "60.0", "30.0"]
    assert first.cells[1].value == pytest.approx(100 * ((0.3 + 0.5) / 2 + 0.8) / 2)
    assert [cell.shown(1) for cell in second.cells][:2] == ["1", "90.0"]
    assert any("Rank: on each of 3 tasks" in note.text for note in table.notes)
