"""Items that share something: from the column ``group`` to the standard error of the record."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalsuite.errors import DataError
from evalsuite.kinds.lm_eval.harness import LmEvalHarness
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from evalsuite.schema import Record
from helpers.bag_of_words import BagOfWords, checkpoint
from helpers.contexts import make_context
from helpers.records import evaluated
from helpers.scripted import Scripted
from helpers.tiny_lm import make_tiny_lm

RNG = np.random.default_rng(13)
WORDS = ["river", "stone", "cloud", "market", "engine", "violin"]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def clustered(values: list[float], groups: list[str]) -> float:
    """``√(G/(G−1) · Σ_g (Σ_{i∈g} (x_i − x̄))²) / n``."""
    x = np.array(values)
    sums = [float((x - x.mean())[np.array(groups) == g].sum()) for g in sorted(set(groups))]
    return math.sqrt(len(sums) / (len(sums) - 1) * sum(s * s for s in sums)) / len(x)


def retrieval(folder: Path, groups: list[str] | None) -> Task:
    corpus = [{"id": f"d{i}", "text": " ".join(RNG.choice(WORDS, 4))} for i in range(12)]
    queries = [{"id": f"q{i}", "text": str(RNG.choice(WORDS))} for i in range(10)]
    for row, group in zip(queries, groups or [], strict=False):
        row["page"] = group
    qrels = [{"query-id": f"q{i}", "corpus-id": f"d{i}", "score": 1} for i in range(10)]
    files = {"corpus": corpus, "queries": queries, "qrels": qrels}
    return make_task(
        name="search",
        kind="mteb",
        type="retrieval",
        data={name: write(folder / f"{name}.jsonl", rows) for name, rows in files.items()},
        columns={"group": "page"} if groups else {},
    )


def embed(task: Task, folder: Path, **context: Any) -> Record:
    work = folder / "work"
    work.mkdir()
    made = make_context(checkpoint=checkpoint(), workdir=work, **context)
    return evaluated(MtebHarness().evaluate(task, BagOfWords(), made), task, checkpoint())


def test_queries_of_one_page_count_together(tmp_path: Path) -> None:
    pages = ["a", "a", "a", "b", "b", "c", "c", "c", "d", "d"]
    task = retrieval(tmp_path, pages)
    work = tmp_path / "work"
    work.mkdir()
    context = make_context(checkpoint=checkpoint(), workdir=work)
    evaluation = MtebHarness().evaluate(task, BagOfWords(), context)
    by_query = {row["sample"]: row for row in evaluation.samples}
    assert [by_query[f"q{i}"]["group"] for i in range(10)] == pages
    record = evaluated(evaluation, task, checkpoint())
    values = [float(by_query[f"q{i}"]["score"]) for i in range(10)]
    assert record.stderr == pytest.approx(clustered(values, pages))
    assert (record.n, record.groups) == (10, 4)


def test_without_groups_items_are_independent(tmp_path: Path) -> None:
    record = embed(retrieval(tmp_path, None), tmp_path)
    assert record.groups is None
    assert record.stderr is not None


def test_a_limit_keeps_items_and_groups_together(tmp_path: Path) -> None:
    rows = [
        {"sentence1": f"river stone {i}", "sentence2": f"river cloud {i % 3}", "score": i % 5}
        for i in range(20)
    ]
    grouped = [{**row, "group": f"g{number // 4}"} for number, row in enumerate(rows)]
    task = make_task(
        name="pairs",
        kind="mteb",
        type="sts",
        data={"test": write(tmp_path / "test.jsonl", grouped)},
    )
    work = tmp_path / "work"
    work.mkdir()
    context = make_context(checkpoint=checkpoint(), workdir=work, limit=9)
    samples = MtebHarness().evaluate(task, BagOfWords(), context).samples
    assert len(samples) == 9
    assert all(row["group"] == f"g{int(row['sample']) // 4}" for row in samples)


def test_some_rows_without_a_group_are_refused(tmp_path: Path) -> None:
    pages = ["a"] * 9
    with pytest.raises(DataError, match=r"queries.jsonl:10: column 'page' is missing"):
        embed(retrieval(tmp_path, pages), tmp_path)


def test_questions_about_one_passage_count_together(tmp_path: Path) -> None:
    passages = ["p1"] * 4 + ["p2"] * 4 + ["p3"] * 4
    right = [1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 1, 1]
    rows = [{"q": f"{i}?", "a": i, "group": p} for i, p in enumerate(passages)]
    task = make_task(
        name="reading",
        kind="lm_eval",
        type="generate",
        data={"test": write(tmp_path / "test.jsonl", rows)},
        prompt="{{q}}",
        target="{{a}}",
        extract="first_line",
    )
    of = make_tiny_lm(tmp_path / "lm")
    from transformers import AutoTokenizer

    def answer(prompt: str, _: int) -> str:
        number = int(prompt.removeprefix("<s>").split("?")[0])
        return f" {number if right[number] else 99}\n"

    work = tmp_path / "work"
    work.mkdir()
    scripted = Scripted(AutoTokenizer.from_pretrained(of.path), answer)
    evaluation = LmEvalHarness().evaluate(task, scripted, make_context(checkpoint=of, workdir=work))
    record = evaluated(evaluation, task, of)
    assert record.score == pytest.approx(np.mean(right))
    assert record.stderr == pytest.approx(clustered([float(r) for r in right], passages))
    assert (record.n, record.groups) == (12, 3)
