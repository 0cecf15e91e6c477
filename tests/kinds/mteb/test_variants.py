"""mteb tasks that score in a way of their own: the rows still add up to mteb's score.

The data is made up, in the layout and under the names that the tasks expect.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy.stats import spearmanr

from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.table import make_task
from helpers.bag_of_words import BagOfWords, checkpoint, embed
from helpers.contexts import make_context

LETTERS = list("abcdefghijklmnop")


def words(rng: np.random.Generator, n: int) -> str:
    return " ".join(rng.choice(LETTERS, n))


def dataset(root: Path, name: str, tables: dict[str, tuple[str, list[dict[str, Any]]]]) -> None:
    """Write a data set: config name → (split, rows)."""
    folder = root / name
    folder.mkdir(parents=True)
    configs = []
    for config, (split, rows) in tables.items():
        file = f"{config}.parquet"
        pd.DataFrame(rows).to_parquet(folder / file)
        configs.append({"config_name": config, "data_files": [{"split": split, "path": file}]})
    header = yaml.safe_dump({"configs": configs})
    (folder / "README.md").write_text(f"---\n{header}---\n")


def run(name: str, tmp_path: Path, **context: Any) -> Evaluation:
    made = make_context(checkpoint=checkpoint(), workdir=tmp_path, data_root=tmp_path, **context)
    return MtebHarness().evaluate(
        make_task(name=name, kind="mteb", source=name), BagOfWords(), made
    )


def reported(result: Evaluation) -> float:
    return float(result.raw["scores"]["test"][0]["main_score"])


def test_summeval_v1_averages_p_values_in(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = []
    for _ in range(8):
        text = words(rng, 12)
        machines = [" ".join([*text.split()[: 2 * k], words(rng, 4)]) for k in (1, 2, 3, 4, 5)]
        rows.append(
            {
                "text": text,
                "human_summaries": [text, words(rng, 6)],
                "machine_summaries": machines,
                "relevance": rng.permutation(5).astype(float).tolist(),
            }
        )
    dataset(tmp_path, "mteb/summeval", {"default": ("test", rows)})
    result = run("SummEval", tmp_path)

    def cosine(a: str, b: str) -> float:
        u, v = embed(a).astype(float), embed(b).astype(float)
        return float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))

    expected = []
    for row in rows:
        best = [max(cosine(m, h) for h in row["human_summaries"]) for m in row["machine_summaries"]]
        found = spearmanr(row["relevance"], best)
        expected.append((found.statistic + found.pvalue) / 2)
    assert [row["score"] for row in result.samples] == pytest.approx(expected)
    assert result.score == pytest.approx(reported(result), abs=1e-9)


def retrieval(root: Path, name: str, *, candidates: bool, same_ids: bool) -> None:
    rng = np.random.default_rng(1)
    corpus = [{"_id": f"x{i}", "title": "", "text": words(rng, 8)} for i in range(30)]
    queries, qrels, ranked = [], [], []
    for i in range(12):
        query = f"x{i}" if same_ids else f"{i // 3}_{i % 3}"
        own, other = corpus[i]["text"], corpus[i + 12]["text"]
        queries.append({"_id": query, "text": f"{own} {other}"})
        right = 12 + (i if same_ids else i // 3)
        qrels.append({"query-id": query, "corpus-id": f"x{right}", "score": 1})
        ranked.append({"query-id": query, "corpus-ids": [f"x{j}" for j in range(i, i + 15)]})
        qrels.append({"query-id": query, "corpus-id": f"x{i + 1}", "score": 0})
    tables: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "default": ("test", qrels),
        "corpus": ("test", corpus),
        "queries": ("test", queries),
    }
    if candidates:
        tables["top_ranked"] = ("test", ranked)
    dataset(root, name, tables)


def test_a_query_never_finds_itself_where_mteb_says_so(tmp_path: Path) -> None:
    retrieval(tmp_path, "mteb/arguana", candidates=False, same_ids=True)
    result = run("ArguAna", tmp_path)
    assert result.n == 12
    assert all(row["sample"] not in row["documents"] for row in result.samples)
    assert round(result.score, 5) == pytest.approx(reported(result), abs=1e-9)
    assert result.score == pytest.approx(np.mean([row["score"] for row in result.samples]))


def test_queries_in_parts_are_joined_before_scoring(tmp_path: Path) -> None:
    retrieval(tmp_path, "mteb/MindSmallReranking", candidates=True, same_ids=False)
    result = run("MindSmallReranking", tmp_path)
    assert result.main_metric == "max_over_subqueries_map_at_1000"
    assert [row["sample"] for row in result.samples] == ["0", "1", "2", "3"]
    assert 0 < result.score < 1
    assert round(result.score, 5) == pytest.approx(reported(result), abs=1e-9)


def test_a_limited_reranking_embeds_only_its_candidates(tmp_path: Path) -> None:
    retrieval(tmp_path, "mteb/AskUbuntuDupQuestions", candidates=True, same_ids=True)
    whole = {row["sample"]: row for row in run("AskUbuntuDupQuestions", tmp_path).samples}
    encoder = BagOfWords()
    work = tmp_path / "few"
    work.mkdir()
    context = make_context(checkpoint=checkpoint(), workdir=work, data_root=tmp_path, limit=2)
    task = make_task(name="A", kind="mteb", source="AskUbuntuDupQuestions")
    few = MtebHarness().evaluate(task, encoder, context)
    assert few.n == 2
    first, second = (int(row["sample"].removeprefix("x")) for row in few.samples)
    candidates = {*range(first, first + 15), *range(second, second + 15)}
    embedded = {text for _, texts in encoder.calls for text in texts}
    assert len(embedded) == len(candidates) + 2 < 30 + 2
    assert all(row == whole[row["sample"]] for row in few.samples)
