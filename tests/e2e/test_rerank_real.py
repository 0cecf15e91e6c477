"""Reranking through real worker processes: an encoder searches, then a generator reorders."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from evalsuite.commands.requests import RunRequest
from evalsuite.commands.run import evaluate_request, prepare
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.run.progress import listener
from evalsuite.run.workers.executor import LocalExecutor
from evalsuite.schema import Record
from evalsuite.store import Store
from helpers.tiny_lm import TEMPLATE, make_tiny_lm

pytestmark = pytest.mark.e2e

TASKS = ("smoke-rerank", "smoke-rerank-pointwise")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny_lm(folder, positions=4096)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return str(folder)


def request(ckpt: str, out: Path, **options: object) -> RunRequest:
    return RunRequest(
        checkpoints=(ckpt,),
        suite=None,
        tasks=TASKS,
        results=out,
        options=RunOptions.model_validate({"device": "cpu", **options}),
    )


@pytest.fixture(autouse=True)
def nothing_stays() -> Iterator[None]:
    """Runs end all processes that they start."""
    before = set(psutil.Process().children(recursive=True))
    yield
    assert set(psutil.Process().children(recursive=True)) <= before


def rows_of(record: Record, out: Path) -> list[dict[str, object]]:
    samples = Store(out).samples_path(record)
    assert samples is not None
    found: list[dict[str, object]] = pq.read_table(samples).to_pylist()
    return found


def check(records: tuple[Record, ...], out: Path, n: int) -> None:
    listwise, pointwise = records
    for record in records:
        assert record.status == "scored", record.reason
        rows = rows_of(record, out)
        assert len(rows) == record.n == n
        for name, column in ((record.score, "score"), (None, "before")):
            mean = sum(float(str(row[column])) for row in rows) / n
            expected = record.metrics["ndcg_at_10_before"] if name is None else name
            assert mean == pytest.approx(expected)
        for row in rows:
            before, after, order = (
                row[key] for key in ("documents_before", "documents_after", "permutation")
            )
            assert isinstance(before, list)
            assert isinstance(order, list)
            assert after == [before[place] for place in order]
        assert record.details["difference"]["delta"] == pytest.approx(
            record.score - record.metrics["ndcg_at_10_before"]
        )
        assert set(record.details["rendered"]) == {"query", "document", "chat"}
        assert record.stderr is not None
        assert record.signature.retriever is not None
        assert record.signature.prefix_caching is True
    assert listwise.metrics["ndcg_at_10_before"] == pointwise.metrics["ndcg_at_10_before"]


def test_a_run_that_ended_between_the_stages_goes_on(tiny: str, tmp_path: Path) -> None:
    asked = request(tiny, tmp_path, engine="transformers", limit=3)
    found = prepare(asked)
    store = Store(tmp_path)
    store.prepare()
    plan = make_plan(found.checkpoints, found.tasks, asked.options, found.registry, store)
    search, rerank = plan.groups
    assert (search.world, rerank.world) == ("embedding", "generative")
    with listener(Console(quiet=True), plan) as hear:
        LocalExecutor().run([search], plan.options, store, hear)
    left = sorted((tmp_path / ".work").glob("*/candidates.json"))
    assert len(left) == 2
    assert store.records() == []

    with (tmp_path / "told").open("w") as stream:
        told = Console(record=True, width=200, file=stream)
        records = evaluate_request(asked, told).records
    lines = told.export_text()
    assert lines.count("searched, to be reranked") == 2
    assert lines.count("ready after") == 1, "the encoder is not loaded again"
    assert not any(path.exists() for path in left), "the job's folder is gone"
    check(records, tmp_path, 3)
    assert evaluate_request(asked, Console(quiet=True)).records == records
    fails_beside_another(asked, tmp_path, records[1])


def fails_beside_another(asked: RunRequest, folder: Path, known: Record) -> None:
    """Anew: both stages are done again, and a task whose search fails has no second one."""
    tasks = folder / "tasks"
    tasks.mkdir()
    for name, text in (("corpus", "x"), ("queries", "y")):
        (tasks / f"{name}.jsonl").write_text(f'{{"id": "1", "text": "{text}"}}\n')
    (tasks / "qrels.jsonl").write_text('{"query-id": "1", "corpus-id": "7", "score": 1}\n')
    (tasks / "bad.yaml").write_text(
        "name: bad\nkind: rerank\ntype: retrieval\nprompt: '{{ query }}'\n"
        "rerank: {method: listwise}\n"
        "data: {corpus: corpus.jsonl, queries: queries.jsonl, qrels: qrels.jsonl}\n"
    )
    fresh = asked.options.model_copy(update={"fresh": True})
    both = {"tasks": ("bad", TASKS[1]), "tasks_dirs": (tasks,), "options": fresh}
    bad, good = evaluate_request(asked.model_copy(update=both), Console(quiet=True)).records
    assert bad.status == "failed"
    assert bad.reason is not None
    assert "corpus-id '7' is not in corpus.jsonl" in bad.reason
    assert good != known, "measured anew"
    assert good.score == known.score


def test_a_small_model_through_vllm(tmp_path: Path) -> None:
    records = evaluate_request(
        request("demo:smollm2", tmp_path, limit=2), Console(quiet=True)
    ).records
    check(records, tmp_path, 2)
    listwise, pointwise = (rows_of(record, tmp_path) for record in records)
    assert all(row["replies"] for row in listwise)
    for row in pointwise:
        chances = row["probabilities"]
        assert isinstance(chances, list)
        assert len(chances) == 10
        assert all(0 < chance < 1 for chance in chances)
        order = sorted(range(10), key=lambda place: -chances[place])
        assert row["permutation"] == order
    assert records[0].signature.engine.startswith("vllm")
