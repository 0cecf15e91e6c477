"""Table 7's layout and Figure 5, from records as a run writes them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from report_records import record

from evalsuite.registry.load import Registry
from evalsuite.registry.rag import BASELINES
from evalsuite.report.aggregate import build_table
from evalsuite.report.latency_figure import latency_figure
from evalsuite.report.methods import in_bytes
from evalsuite.report.text import cell_text
from evalsuite.report.write import write_all
from evalsuite.schema import Record
from evalsuite.stats import mcnemar_p

SUITE = Registry.load().suite("grit-rag")


def quality(method: str, scores: list[float], data: str = "d" * 64) -> Record:
    share = sum(scores) / len(scores)
    made = record(
        "tiny", f"rag-{method}", share, world="generative", metric="match", data=data, stderr=0.1
    )
    metrics = {"match": share, "exact_match": 0.25, "f1": 0.5}
    task = {**made.task, "rag": {"method": method}}
    raw = {"scores": scores}
    return made.model_copy(update={"task": task, "metrics": metrics, "raw": raw})


def timed(method: str, query: int, document: int, median: float) -> dict[str, Any]:
    ends = {"low": median - 0.1, "high": median + 0.1, "level": 0.95, "n": 6}
    return {"method": method, "query": query, "document": document, "median": median, **ends}


@pytest.fixture
def latency() -> Record:
    lines = {"none", "doc-query", "doc-cache", "query-doc-cache", "doc-query-cache"}
    cells = [timed(m, 1, n, n / 1000) for m in sorted(lines) for n in (250, 4000)]
    cells += [timed("doc-query", 4000, 1, 9.0)]
    made = record("tiny", "rag-latency", 4.0, world="generative", percent=False, metric="s")
    raw = {
        "cells": cells,
        "lengths": [250, 4000],
        "new_tokens": 16,
        "savings": {
            "doc-cache A": {
                "median": 0.7,
                "low": 0.6,
                "high": 0.8,
                "against": "doc-query",
                "n": 6,
            }
        },
        "storage": {
            "bytes_per_token": 131072,
            "document_tokens": 4000,
            "document_bytes": 524_288_000,
            "corpus": "Natural Questions",
            "corpus_documents": 2_681_468,
            "corpus_tokens": 95,
            "index_bytes": 2_681_468 * 4096 * 4,
            "caches_bytes": 2_681_468 * 95 * 131072,
        },
    }
    task = {**made.task, "rag": {"latency": {}}}
    return made.model_copy(update={"task": task, "raw": raw})


def test_rows_are_methods_and_storage_is_the_papers(latency: Record) -> None:
    table = build_table([quality("none", [0, 1]), quality("doc-cache", [1, 1]), latency], SUITE)
    cells = {(row.group, row.name): [cell_text(c, 1) for c in row.cells] for row in table.rows}
    assert cells["", "No RAG"] == ["50.0", "25.0", "50.0", "4.00 (3.90–4.10)", "–", "0 B"]
    # GRIT paper, Table 7: 43 GB of index and 30 TB with the caches of all documents.
    doc = cells["document then query", "Doc caching"]
    assert doc == ["100.0", "25.0", "50.0", "4.00 (3.90–4.10)", "–", "33.4 TB"]
    rag = cells["document then query", "RAG"]
    assert rag == ["–", "–", "–", "4.00 (3.90–4.10)", "9.00 (8.90–9.10)", "43.9 GB"]
    assert any("doc-cache A takes 70% less time" in note.text for note in table.notes)


def test_each_method_is_tested_against_rag_in_its_order() -> None:
    rag, cached = [1.0] * 12 + [0.0] * 8, [0.0] * 10 + [1.0] * 10
    found = [quality("doc-query", rag), quality("doc-cache", cached)]
    notes = [note.text for note in build_table(found, SUITE).notes]
    (line,) = [text for text in notes if text.startswith("doc-cache ")]
    assert "8 gained, 10 lost" in line
    assert f"p = {mcnemar_p(8, 10):.3f}" in line
    assert "-10.0" in line
    apart = [found[0], quality("doc-cache", cached, data="e" * 64)]
    assert not any(n.text.startswith("doc-cache ") for n in build_table(apart, SUITE).notes)
    assert BASELINES["query-cache"] == "query-doc"


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
