"""Made-up data in the form that the loaders of mteb's tasks leave behind."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from datasets import DatasetDict
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.retrieval_dataset_loaders import (
    RetrievalSplitData,
    _combine_queries_with_instructions_datasets,
)

from made_up_mteb import Layout, final_columns, first_layout, retrieval_table, table


def as_loaded(task: Any) -> Any:
    """Data in the form that a task's loader leaves in ``task.dataset``."""
    splits = list(task.metadata.eval_splits)
    if isinstance(task, AbsTaskRetrieval):
        return {
            subset: {split: _split_data(task, subset, split) for split in splits}
            for subset in task.hf_subsets
        }
    layout = Layout(final_columns(task), first_layout(task).splits)
    if task.metadata.type == "PairClassification":
        layout.values = [0, 1]
    several = task.metadata.is_multilingual and not getattr(task, "parallel_subsets", False)
    subsets = task.hf_subsets if several else ["default"]
    made = {
        subset: DatasetDict(
            {s: table(layout, (task.metadata.name, subset, s)) for s in layout.splits}
        )
        for subset in subsets
    }
    return made if several else made["default"]


def _split_data(task: Any, subset: str, split: str) -> RetrievalSplitData:
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


@contextlib.contextmanager
def loads(kind: type[Any]) -> Iterator[None]:
    """Let a task's class take its data from :func:`as_loaded`."""

    def load_data(self: Any, *_: Any, **__: Any) -> None:
        self.dataset = as_loaded(self)
        self.data_loaded = True

    own = vars(kind).get("load_data")
    kind.load_data = load_data
    try:
        yield
    finally:
        if own is None:
            del kind.load_data
        else:
            kind.load_data = own
