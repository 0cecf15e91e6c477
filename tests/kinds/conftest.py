"""Embedding tasks on own data, drawn by seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalsuite.kinds.task import Task
from helpers.own_tasks import WORDS, own, sentence, write


@pytest.fixture
def classification(tmp_path: Path) -> Task:
    rng = np.random.default_rng(0)
    labels = ["zebra", "ant", "mole"]
    rows = [
        {"q": f"{sentence(rng)} {label[:2] if rng.random() < 0.4 else ''}", "label": label}
        for label in labels * 30
    ]
    files = {
        "train": write(tmp_path / "train.jsonl", rows[:60]),
        "test": write(tmp_path / "test.jsonl", rows[60:]),
    }
    return own("classification", files, columns={"text": "q"})


@pytest.fixture
def pairs(tmp_path: Path) -> tuple[Task, list[dict[str, Any]]]:
    rng = np.random.default_rng(2)
    rows = []
    for i in range(80):
        first = sentence(rng)
        shared = " ".join(first.split()[: 1 + 2 * (i % 2)])
        second = f"{shared} {sentence(rng, 3)}"
        rows.append({"sentence1": first, "sentence2": second, "label": i % 2})
    return own("pair_classification", {"test": write(tmp_path / "p.jsonl", rows)}), rows


@pytest.fixture
def retrieval(tmp_path: Path) -> tuple[Task, dict[str, str], dict[str, str], dict[str, Any]]:
    rng = np.random.default_rng(5)
    corpus = [
        {"id": f"d{i}", "title": WORDS[i % 12] if i % 3 else "", "text": sentence(rng, 6)}
        for i in range(60)
    ]
    texts = {row["id"]: f"{row['title']} {row['text']}".strip() for row in corpus}
    queries, qrels = [], []
    for i in range(20):
        queries.append({"id": i, "text": " ".join(corpus[i]["text"].split()[:3])})
        qrels.append({"query-id": i, "corpus-id": f"d{i}", "score": 2})
        qrels.append({"query-id": i, "corpus-id": f"d{i + 20}", "score": 1})
        qrels.append({"query-id": i, "corpus-id": f"d{i + 40}", "score": 0})
    queries.append({"id": 99, "text": "nobody judged this"})
    files = {
        "corpus": write(tmp_path / "corpus.jsonl", corpus),
        "queries": write(tmp_path / "queries.jsonl", queries),
        "qrels": write(tmp_path / "qrels.jsonl", qrels),
    }
    asked = {str(row["id"]): row["text"] for row in queries[:20]}
    judged: dict[str, dict[str, int]] = {}
    for row in qrels:
        judged.setdefault(str(row["query-id"]), {})[row["corpus-id"]] = row["score"]
    return own("retrieval", files), texts, asked, judged
