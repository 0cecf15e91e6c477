"""Table 7's layout and Figure 5, from records as a run writes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner

from evalsuite.cli.app import application
from evalsuite.errors import StoreError
from evalsuite.kinds.rag.report_figure import latency_figure, latency_records
from evalsuite.kinds.rag.report_table import in_bytes
from evalsuite.kinds.rag.result import latency_result, quality_result
from evalsuite.kinds.rag.task import BASELINES, Method
from evalsuite.registry.load import Registry
from evalsuite.report.write import write_all
from evalsuite.results.tables.build import build_table
from evalsuite.schema import Record
from evalsuite.stats import (
    fraction_interval,
    mcnemar_p,
    mean_influence,
    mean_se,
    paired,
    sign_flip_p,
)
from evalsuite.store import Store
from helpers.rag_results import saving, timed, with_latency, with_quality
from helpers.records import record

ROOT = Path(__file__).parents[2]
SUITE = Registry.load().suite("grit-rag")


def quality(
    method: Method,
    scores: list[float],
    data: str = "d" * 64,
    *,
    exact: list[float] | None = None,
    f1: list[float] | None = None,
    device: str = "cpu",
) -> Record:
    """A row of Table 7, as the harness writes it."""
    each: dict[str, Sequence[float]] = {
        "match": scores,
        "exact_match": exact or scores,
        "f1": f1 or scores,
    }
    share = sum(scores) / len(scores)
    made = record(
        f"rag-{method}",
        share,
        checkpoint="tiny",
        world="generative",
        metric="match",
        data=data,
        stderr=mean_se(scores),
        device=device,
    )
    metrics = {metric: sum(values) / len(values) for metric, values in each.items()}
    made = made.model_copy(update={"metrics": metrics, "n": len(scores)})
    return with_quality(made, method, each)


def on(device: str, latency: Record) -> Record:
    """The same latencies, measured elsewhere."""
    signature = latency.signature.model_copy(update={"device": device})
    return latency.model_copy(update={"signature": signature})


@pytest.fixture
def latency() -> Record:
    lines: set[Method] = {"none", "doc-query", "doc-cache", "query-doc-cache", "doc-query-cache"}
    cells = [timed(m, 1, n, n / 1000) for m in sorted(lines) for n in (250, 4000)]
    cells += [timed("doc-query", 4000, 1, 9.0)]
    made = record(
        "rag-latency", 4.0, checkpoint="tiny", world="generative", percent=False, metric="s"
    )
    return with_latency(made, [250, 4000], cells, doc_cache_A=saving(0.7, 0.6, 0.8, 6))


def test_rows_are_methods_and_storage_is_the_papers(latency: Record) -> None:
    half = [0.0, 1.0] * 10
    found = [quality("none", half), quality("doc-cache", [1.0] * 20), latency]
    table = build_table(found, SUITE)
    cells = {(row.group, row.name): [c.shown(1) for c in row.cells] for row in table.rows}
    assert cells["", "No RAG"][3:] == ["4.00 (3.90–4.10)", "–", "0 B"]
    # GRIT paper, Table 7: 43 GB of index and 30 TB with the caches of all documents.
    doc = cells["document then query", "Doc caching"]
    assert doc[3:] == ["4.00 (3.90–4.10)", "–", "33.4 TB"]
    rag = cells["document then query", "RAG"]
    assert rag == ["–", "–", "–", "4.00 (3.90–4.10)", "9.00 (8.90–9.10)", "43.9 GB"]
    assert any("doc-cache A takes 70% less time" in note.text for note in table.notes)


def test_match_em_and_f1_have_intervals() -> None:
    """Of the score of each question; with the interval of the record where it is the score."""
    match, exact = [1.0] * 12 + [0.0] * 8, [1.0] * 5 + [0.0] * 15
    f1 = [0.5] * 10 + [0.25] * 10
    (row,) = build_table([quality("none", match, exact=exact, f1=f1)], SUITE).rows
    for cell, values in zip(row.cells, (match, exact, f1), strict=False):
        share, error = sum(values) / 20, mean_se(values)
        assert error is not None
        assert cell.value == pytest.approx(100 * share)
        assert cell.stderr == pytest.approx(100 * error)
        span = fraction_interval(share, error, 20)
        expected = f"{100 * share:.1f} ({100 * span.low:.1f}–{100 * span.high:.1f})"
        assert cell.shown(1) == expected


def test_each_method_is_tested_against_rag_in_its_order() -> None:
    rag, cached = [1.0] * 12 + [0.0] * 8, [0.0] * 10 + [1.0] * 10
    before, after = [0.9] * 10 + [0.2] * 10, [0.3] * 12 + [0.2] * 8
    found = [quality("doc-query", rag, f1=before), quality("doc-cache", cached, f1=after)]
    notes = [note.text for note in build_table(found, SUITE).notes]
    (text,) = [text for text in notes if text.startswith("doc-cache: ")]
    match, exact, f1 = text.removeprefix("doc-cache: ").split("; ")
    assert match.startswith("match -10.0 [")
    assert match.endswith(f"p = {mcnemar_p(8, 10):.3f} (8 gained, 10 lost)")
    assert exact.startswith("EM -10.0 [")
    changes = [a - b for a, b in zip(after, before, strict=True)]
    delta = sum(changes) / 20
    difference = paired(delta, mean_influence(before), mean_influence(after))
    assert difference is not None
    span = difference.interval()
    assert f1.startswith(f"F1 {100 * delta:+.1f} [{100 * span.low:+.1f}, {100 * span.high:+.1f}]")
    p = sign_flip_p(changes)
    assert f1.endswith(f"p = {p:.3f}" if p >= 0.0005 else "p < 0.001")
    apart = [found[0], quality("doc-cache", cached, data="e" * 64)]
    assert not any(n.text.startswith("doc-cache: ") for n in build_table(apart, SUITE).notes)
    assert BASELINES["query-cache"] == "query-doc"


def test_what_caching_costs_is_tested_against_the_same_tokens_without_a_cache() -> None:
    found = [
        quality("doc-query-embed", [1.0] * 15 + [0.0] * 5),
        quality("doc-cache", [1.0] * 9 + [0.0] * 11),
    ]
    notes = [note.text for note in build_table(found, SUITE).notes]
    at = next(i for i, text in enumerate(notes) if "without a cache" in text)
    assert notes[at + 1].startswith("doc-cache: match -30.0 [")
    assert "(0 gained, 6 lost)" in notes[at + 1]


def test_where_no_question_changed_no_interval_is_claimed() -> None:
    same = [1.0] * 5 + [0.0] * 7
    found = [quality("doc-query", same), quality("doc-cache", same)]
    notes = [note.text for note in build_table(found, SUITE).notes]
    (text,) = [text for text in notes if text.startswith("doc-cache: ")]
    assert text.removeprefix("doc-cache: ").split("; ") == [
        f"{name} the same on every question" for name in ("match", "EM", "F1")
    ]


def test_two_devices_are_told_apart(latency: Record) -> None:
    found = [latency, on("cuda", latency)]
    table = build_table([*found, quality("none", [0.0, 1.0])], SUITE)
    groups = {row.group for row in table.rows if row.name == "No RAG"}
    assert len(groups) == 2
    assert {"dev:cpu" in group for group in groups} == {True, False}
    assert any("dev:cuda" in group for group in groups)
    storage = [note.text for note in table.notes if "storage: for" in note.text]
    assert len(set(storage)) == 2
    shown = latency_records(found)
    assert {one.signature.device for one in shown} == {"cpu", "cuda"}
    labels = [axes.get_ylabel() for axes in latency_figure(shown).axes[::2]]
    assert "CPU" in labels[0]
    assert "CUDA" in labels[1]


def test_time_lost_is_no_time_saved(latency: Record) -> None:
    slow = with_latency(latency, [250, 4000], doc_cache_A=saving(-0.5, -0.5, -0.5, 1))
    notes = [note.text for note in build_table([slow], SUITE).notes]
    assert "doc-cache A takes 50% more time than doc-query, timed once" in notes


def test_a_cut_question_is_said_on_the_figure(latency: Record) -> None:
    signature = latency.signature.model_copy(update={"max_length": 512})
    cut = latency.model_copy(update={"signature": signature})
    assert "embedded up to 512" in latency_figure([cut]).axes[0].get_ylabel()
    assert len(latency_records([latency, cut])) == 2


def test_figure_5_is_drawn_beside_the_table(latency: Record, tmp_path: Path) -> None:
    written = {path.name for path in write_all([latency], SUITE, tmp_path)}
    assert {"table.md", "latency.svg", "latency.pdf", "latency.png"} <= written
    left, right = latency_figure([latency]).axes
    assert not left.lines, "a line needs all lengths"
    assert {line.get_label() for line in right.lines} == {
        "No retrieval", "RAG", "Doc caching", "Query-doc caching", "Doc-query caching",
    }  # fmt: skip
    assert list(right.lines[0].get_xdata()) == [250, 4000]


def test_bytes() -> None:
    assert [in_bytes(size) for size in (0, 999, 23_040, 43.9e9, 30e12)] == [
        "0 B", "999 B", "23 kB", "43.9 GB", "30 TB",
    ]  # fmt: skip


def test_the_grid_of_an_earlier_run_is_read(latency: Record) -> None:
    """``reports/rag/grid.json`` is what a run of an earlier commit stored in ``raw``."""
    stored = json.loads((ROOT / "reports/rag/grid.json").read_text())
    found = latency_result(latency.model_copy(update={"raw": stored}))
    assert found.model_dump(mode="json") == stored
    cell = found.cell("doc-cache", 1, found.longest)
    assert cell is not None
    (same,) = (
        c
        for c in stored["cells"]
        if (c["method"], c["query"], c["document"]) == ("doc-cache", 1, 4000)
    )
    assert cell.median == same["median"]


def test_a_record_from_before_scores_of_questions_were_stored_has_no_interval() -> None:
    made = quality("none", [0.0, 1.0])
    raw = {"method": "none", "documents": 3, "mean_tokens": 9.5, "scores": [0.0, 1.0]}
    old = made.model_copy(update={"raw": raw})
    assert quality_result(old).per_question == {}
    (row,) = build_table([old], SUITE).rows
    assert [cell.value for cell in row.cells[:3]] == [50.0, 50.0, 50.0]
    assert row.cells[1].stderr is None


def test_a_damaged_result_is_named(latency: Record) -> None:
    raw = {key: value for key, value in latency.raw.items() if key != "storage"}
    with pytest.raises(StoreError, match=r"rag-latency for tiny is damaged: raw\.storage"):
        build_table([latency.model_copy(update={"raw": raw})], SUITE)


def test_the_table_command_takes_the_layout(latency: Record, tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put(latency, [])
    done = CliRunner().invoke(
        application(), ["table", "--layout", "table7", "--out", str(tmp_path)]
    )
    assert "as in Table 7 of the GRIT paper" in done.output
    assert "33.4 TB" in done.output
