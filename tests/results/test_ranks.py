"""Ranks of a table's rows: paired and unpaired, averages, and what has none."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evalsuite.registry.load import Registry
from evalsuite.report.render import to_csv, to_html, to_latex, to_markdown
from evalsuite.results.compare.pair import compare
from evalsuite.results.ranks import with_ranks
from evalsuite.results.sampled import Sampled, sampled
from evalsuite.results.tables.build import build_table
from evalsuite.results.tables.model import Rank, Table
from evalsuite.schema import Origin, Record
from evalsuite.stats import holm
from helpers.records import record, scored

RNG = np.random.default_rng(4)


def table_of(
    outcomes: dict[str, dict[str, Sequence[float]]], **over: Any
) -> tuple[list[Record], Callable[[Record], Sampled | None]]:
    """Records of task → checkpoint → scores of the samples, and a loader of these."""
    rows = {(t, c): scored(v) for t, of in outcomes.items() for c, v in of.items()}
    records = []
    for (task, name), found in rows.items():
        one = record(task, float(np.mean([r["score"] for r in found])), checkpoint=name, **over)
        error = sampled(one, found)
        assert error is not None
        records.append(one.model_copy(update={"stderr": error.stderr, "n": len(found)}))

    def load(one: Record) -> Sampled | None:
        return sampled(one, rows[one.signature.task, one.checkpoint.name])

    return records, load


def ranks(table: Table, column: int = 0) -> dict[str, Rank | None]:
    return {row.name: row.cells[column].rank for row in table.rows}


def shown(table: Table) -> dict[str, str]:
    return {row.name: row.cells[0].shown(1) for row in table.rows}


def right(share: float, size: int = 400) -> np.ndarray:
    """Right answers to the easiest items, with some chance: outcomes go together."""
    hard = np.linspace(0, 1, size)
    return (hard + RNG.normal(0, 0.1, size) < share).astype(float)


def nothing(record: Record) -> None:
    del record


def test_rows_are_grouped_as_the_pairwise_tests_say() -> None:
    shares = {"a": 0.9, "b": 0.89, "c": 0.8, "d": 0.4}
    records, load = table_of({"t": {name: right(share) for name, share in shares.items()}})
    table = with_ranks(build_table(records), load)
    pairs = [(one, two) for at, one in enumerate(records) for two in records[:at]]
    p = [compare(one, two, (load(one), load(two))).p or 0.0 for one, two in pairs]
    # Holm over the pairs alone is less strict: what it keeps together is together here.
    for (one, two), adjusted in zip(pairs, holm(p), strict=True):
        first, second = (ranks(table)[r.checkpoint.name] for r in (one, two))
        assert first
        assert second
        assert bool(set(first.ties) & set(second.ties)) or adjusted < 0.05
    assert shown(table)["d"].endswith("(4 C)")
    assert {name for name, rank in ranks(table).items() if rank and rank.low == 1} == {"a", "b"}
    assert {row.name for row in table.rows if row.cells[0].best} == {"a", "b"}


def test_pairing_tells_rows_apart_that_their_errors_do_not() -> None:
    base = RNG.integers(0, 2, 400).astype(float)
    worse = base.copy()
    worse[np.flatnonzero(base)[:20]] = 0.0
    records, load = table_of({"t": {"base": base, "worse": worse}})
    table = build_table(records)
    paired, alone = with_ranks(table, load), with_ranks(table, nothing)
    assert [r and (r.low, r.high, r.ties, r.paired) for r in ranks(paired).values()] == [
        (1, 1, "A", True),
        (2, 2, "B", True),
    ]
    assert [r and (r.low, r.high, r.ties, r.paired) for r in ranks(alone).values()] == [
        (1, 2, "A", False),
        (1, 2, "A", False),
    ]
    assert shown(alone)["base"].endswith("(~1-2 A)")
    assert any("standard errors" in note.text for note in alone.notes)


def test_a_score_without_an_error_has_no_rank_and_takes_none() -> None:
    records = [
        record("t", 0.9, checkpoint="a", stderr=0.001),
        record("t", 0.5, checkpoint="b", stderr=0.001),
        record("t", 0.7, checkpoint="published"),
    ]
    table = with_ranks(build_table(records), nothing)
    assert shown(table) == {"a": "90.0 (~1 A)", "b": "50.0 (~2 B)", "published": "70.0"}
    assert any("no rank" in note.text and "published" in note.text for note in table.notes)


def test_a_table_without_errors_keeps_its_best_and_says_why_it_has_no_ranks() -> None:
    records = [record("t", score, checkpoint=str(score)) for score in (0.2, 0.4)]
    plain = build_table(records)
    table = with_ranks(plain, nothing)
    assert table.rows == plain.rows
    assert table.notes[-1].text.startswith("no ranks:")


def test_columns_that_cannot_be_compared_have_no_ranks() -> None:
    records = [
        record("t", 0.9, checkpoint="a", stderr=0.001, data="0" * 64),
        record("t", 0.5, checkpoint="b", stderr=0.001, data="1" * 64),
    ]
    assert not with_ranks(build_table(records), nothing).ranked


def test_the_lowest_is_first_where_lower_is_better() -> None:
    records = [
        record("t", score, checkpoint=name, world="generative", metric="perplexity", stderr=0.1)
        for name, score in (("low", 5.0), ("high", 9.0))
    ]
    found = ranks(with_ranks(build_table(records), nothing))
    assert {name: rank and rank.low for name, rank in found.items()} == {"low": 1, "high": 2}


def test_imported_rows_pair_with_each_other_where_items_and_prompts_are_the_same() -> None:
    base = RNG.integers(0, 2, 300).astype(float)
    worse = base.copy()
    worse[np.flatnonzero(base)[:20]] = 0.0
    records, load = table_of({"t": {"a": base, "b": worse}})
    origin = Origin(format="lm-eval", file="results.json", sha256="0" * 64, harness="lm-eval 0.4.9")
    records = [one.model_copy(update={"origin": origin}) for one in records]
    found = with_ranks(build_table(records), load)
    assert all(rank and rank.paired for rank in ranks(found).values())


def test_the_forms_show_ranks() -> None:
    records = [
        record("t", score, checkpoint=name, stderr=0.001)
        for name, score in (("a", 0.9), ("b", 0.5), ("c", 0.5))
    ]
    table = with_ranks(build_table(records), nothing)
    line = next(csv.DictReader(io.StringIO(to_csv(table))))
    name = next(key for key in line if key.endswith(" rank low")).removesuffix(" rank low")
    assert [line[f"{name} {key}"] for key in ("rank low", "rank high", "ties", "rank paired")] == [
        "1",
        "1",
        "A",
        "0",
    ]
    assert "**90.0 (~1 A)**" in to_markdown(table)
    assert r"\textbf{90.0 (\textasciitilde{}1 A)}" in to_latex(table)
    assert "90.0 (~1 A)" in to_html(table)
    assert "rank low" not in to_csv(build_table(records))


def test_the_average_of_tasks_is_ranked_with_the_pairs_of_each() -> None:
    registry = Registry.load()
    suite = registry.suite("smoke")
    records, rows = [], {}
    for task in registry.suite_tasks(suite):
        base = RNG.integers(0, 2, 200).astype(float)
        other = base.copy()
        other[np.flatnonzero(base)[:5]] = 0.0
        for name, values in (("base", base), ("other", other)):
            one = record(
                task,
                float(values.mean()),
                checkpoint=name,
                stderr=0.035,
                n=200,
            )
            rows[task.name, name] = scored(values)
            records.append(one)

    def load(one: Record) -> Sampled | None:
        return sampled(one, rows[one.signature.task, one.checkpoint.name])

    categories = {name: task.category for name, task in registry.tasks.items()}
    table = build_table(records, suite, categories=categories)
    average = next(at for at, head in enumerate(table.heads) if head.average)
    apart = ranks(with_ranks(table, load), average)
    alike = ranks(with_ranks(table, nothing), average)
    assert [r and (r.low, r.high) for r in apart.values()] == [(1, 1), (2, 2)]
    assert [r and (r.low, r.high) for r in alike.values()] == [(1, 2), (1, 2)]


def test_many_rows_have_more_groups_than_letters() -> None:
    records = [
        record("t", 0.01 + 0.03 * at, checkpoint=f"m{at}", stderr=0.0001) for at in range(30)
    ]
    texts = shown(with_ranks(build_table(records), nothing))
    assert texts["m0"].endswith("(~30 AD)")
