"""Table 7 and Figure 5 from one command, on a real checkpoint."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.kinds.rag.timing import PHASES
from evalsuite.registry.load import Registry
from evalsuite.store import Store

pytestmark = pytest.mark.e2e

ROWS = (
    "No RAG",
    "RAG",
    "Query caching",
    "Query-doc caching",
    "Doc caching",
    "Doc-query caching",
)


def run(out: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "evalsuite.cli", "run", "--ckpt", "demo:smollm2"]
    done = subprocess.run(
        [*command, "--out", str(out), "--reports", str(out / "reports"), *arguments],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
        env={**os.environ, "COLUMNS": "160"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


SUITE = """\
name: small-rag
layout: table7
tasks: [{methods}, small-latency]
"""
LATENCY = """\
name: small-latency
kind: rag
category: Latency
data: {corpus: corpus.jsonl, questions: questions.jsonl}
rag: {latency: {lengths: [50, 300], least: 2, most: 2, searched: 1000}}
main_metric: doc_cache_seconds
"""


@pytest.fixture(scope="module")
def own_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rows of Table 7 as they are shipped, with shorter texts for the latency."""
    folder = tmp_path_factory.mktemp("tasks")
    (folder / "suites").mkdir()
    rows = [name for name in Registry.load().suite("grit-rag").members if name != "rag-latency"]
    (folder / "suites" / "small-rag.yaml").write_text(SUITE.format(methods=", ".join(rows)))
    (folder / "small-latency.yaml").write_text(LATENCY)
    for name, row in (
        ("corpus", {"id": "0", "text": "The lamp is green."}),
        ("questions", {"question": "Which colour has the lamp?", "answers": ["green"]}),
    ):
        (folder / f"{name}.jsonl").write_text(json.dumps(row) + "\n")
    return folder


def test_the_suite_ends_with_table_7_and_figure_5(own_tasks: Path, tmp_path: Path) -> None:
    arguments = ("--suite", "small-rag", "--tasks-dir", str(own_tasks), "--limit", "2")
    shown = run(tmp_path, *arguments)
    assert "as in Table 7 of the GRIT paper" in shown
    assert all(row in shown for row in ROWS)
    written = tmp_path / "reports" / "small-rag"
    assert (written / "latency.svg").stat().st_size > 5000
    records = {record.signature.task: record for record in Store(tmp_path).records()}
    latency = records["small-latency"]
    cells = {(c["method"], c["query"], c["document"]): c for c in latency.raw["cells"]}
    cached, plain = cells["doc-cache", 1, 300], cells["doc-query", 1, 300]
    # How much shorter is for bench/rag_latency.py: other processes may run beside this test.
    assert cached["phases"]["prefill"]["median"] < plain["phases"]["prefill"]["median"]
    assert cached["phases"]["load"]["median"] > 0
    assert set(cached["phases"]) == set(PHASES)
    assert "10 already stored" in run(tmp_path, *arguments)


def test_another_checkpoint_retrieves(tmp_path: Path) -> None:
    run(tmp_path, "--tasks", "rag-doc-query", "--limit", "6", "--retriever", "demo:minilm")
    (record,) = Store(tmp_path).records()
    # all-MiniLM-L6-v2 finds every document of the built-in corpus.
    assert record.metrics["found"] == 1
    assert record.signature.retriever is not None
    assert record.signature.retriever.startswith("minilm#")
