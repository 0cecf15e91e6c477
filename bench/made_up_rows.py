"""Rows drawn by a seed, and the tables of a made-up retrieval data set."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
from datasets import Dataset
from mteb.abstasks.retrieval_dataset_loaders import (
    RetrievalSplitData,
    _combine_queries_with_instructions_datasets,
)

QUERIES = 6
DOCUMENTS = 40
WORDS = tuple(
    first + second + end
    for first in "bcdfghjklmnprstvwxyz"
    for second in "aeiou"
    for end in ("ber", "lom")
)
TABLES = ("corpus", "queries", "query", "qrels", "top_ranked", "instruction", "qrel_diff")
"""Tables of a retrieval data set."""


class Rows:
    """Draws values; the same for the same task, subset, split and column."""

    def __init__(self, *key: str) -> None:
        self._rng = np.random.default_rng(zlib.crc32("/".join(key).encode()))

    def text(self, topic: int = 0, words: int = 7) -> str:
        """Words of which the first few are likelier for some topics."""
        own = WORDS[17 * topic : 17 * topic + 17] or WORDS[:17]
        drawn = [self._rng.choice(own if self._rng.random() < 0.5 else WORDS) for _ in range(words)]
        return " ".join(map(str, drawn))

    def topics(self, count: int, kinds: int) -> list[int]:
        """Topics of rows: each kind as often as the others, in random order."""
        return [int(t) for t in self._rng.permutation(np.arange(count) % kinds)]

    def numbers(self, count: int, top: float) -> list[float]:
        """Numbers from 0 to ``top``, all different."""
        return [float(x) for x in self._rng.permutation(np.linspace(0, top, count))]

    def documents(self, count: int) -> list[str]:
        """Ids of different documents."""
        return [f"d{i}" for i in self._rng.choice(DOCUMENTS, count, replace=False)]


def query_ids(task: Any) -> list[str]:
    """Ids of the queries; some metrics of mteb read from them which belong together."""
    name = task.metadata.name
    if task.metadata.main_score == "p-MRR":
        return [f"{i // 2}-{('og', 'changed')[i % 2]}" for i in range(QUERIES)]
    if name.startswith("IFIR"):
        return [f"{i // 3}_v{i % 3 + 1}" for i in range(QUERIES)]
    if task.metadata.main_score == "paired_accuracy":
        return [f"{i // 2}_q{i % 2 + 1}" for i in range(QUERIES)]
    return [f"q{i // 2}_{i % 2}" for i in range(QUERIES)]


def retrieval_table(task: Any, kind: str, subset: str, split: str) -> Dataset:
    """One of the tables of a retrieval data set."""
    draw, ids = Rows("retrieval", kind, subset, split), query_ids(task)
    if kind == "corpus":
        rows: list[dict[str, Any]] = [
            {
                "_id": f"d{i}",
                "title": draw.text(i % 8, 2) if i % 3 else "",
                "text": draw.text(i % 8),
            }
            for i in range(DOCUMENTS)
        ]
    elif kind == "queries":
        rows = [{"_id": name, "text": draw.text(i % 8)} for i, name in enumerate(ids)]
    elif kind == "instruction":
        rows = [{"query-id": name, "instruction": draw.text(i)} for i, name in enumerate(ids)]
    elif kind == "top_ranked":
        rows = [{"query-id": name, "corpus-ids": draw.documents(30)} for name in ids]
    elif kind == "qrel_diff":
        bases = dict.fromkeys(name.removesuffix("-og").removesuffix("-changed") for name in ids)
        rows = [{"query-id": base, "corpus-ids": draw.documents(3)} for base in bases]
    else:
        # The queries that belong together have the same relevant documents, as in the real data.
        judged = {name[0:2]: draw.documents(4) for name in ids}
        rows = [
            {"query-id": name, "corpus-id": document, "score": 1 + n % 2}
            for name in ids
            for n, document in enumerate(judged[name[0:2]])
        ]
    return Dataset.from_list(rows)


def split_data(task: Any, subset: str, split: str) -> RetrievalSplitData:
    """A retrieval data set in the form that loaders leave."""
    made = {
        kind: retrieval_table(task, kind, subset, split)
        for kind in ("corpus", "queries", "qrels", "top_ranked", "instruction")
    }
    queries = made["queries"].rename_column("_id", "id")
    if "Instruction" in task.metadata.type:
        queries = _combine_queries_with_instructions_datasets(queries, made["instruction"], None)
    judged: dict[str, dict[str, int]] = {}
    for row in made["qrels"]:
        judged.setdefault(row["query-id"], {})[row["corpus-id"]] = row["score"]
    ranked = {row["query-id"]: row["corpus-ids"] for row in made["top_ranked"]}
    return RetrievalSplitData(
        corpus=made["corpus"].rename_column("_id", "id"),
        queries=queries,
        relevant_docs=judged,
        top_ranked=ranked if "eranking" in task.metadata.type else None,
    )
