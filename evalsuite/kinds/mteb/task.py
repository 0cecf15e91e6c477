"""Task files of kind ``mteb``: tasks of mteb by name, and embedding tasks on one's own data."""

from __future__ import annotations

from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from evalsuite.kinds.task import (
    DatasetName,
    EmbeddedTask,
    Revision,
    check_files,
    check_source_or_files,
)
from evalsuite.schema import Frozen

EmbeddingType = Literal[
    "classification",
    "clustering",
    "pair_classification",
    "reranking",
    "retrieval",
    "sts",
    "summarization",
]

COLUMNS: Final[dict[EmbeddingType, dict[str, tuple[str, ...]]]] = {
    "classification": {"train": ("text", "label"), "test": ("text", "label")},
    "clustering": {"test": ("texts", "labels")},
    "pair_classification": {"test": ("sentence1", "sentence2", "label")},
    "reranking": {"test": ("query", "positive", "negative")},
    "retrieval": {
        "corpus": ("id", "text"),
        "queries": ("id", "text"),
        "qrels": ("query-id", "corpus-id", "score"),
    },
    "sts": {"test": ("sentence1", "sentence2", "score")},
    "summarization": {"test": ("text", "human_summaries", "machine_summaries", "relevance")},
}
"""Type of a task on one's own files → role of each file it needs → columns of that file."""

VALUES: Final[dict[EmbeddingType, frozenset[str]]] = {
    "classification": frozenset(),
    "clustering": frozenset({"texts", "labels"}),
    "pair_classification": frozenset({"label"}),
    "reranking": frozenset({"positive", "negative"}),
    "retrieval": frozenset({"score"}),
    "sts": frozenset({"score"}),
    "summarization": frozenset({"human_summaries", "machine_summaries", "relevance"}),
}
"""Type → columns that hold numbers or lists, and no texts."""

MAIN_METRIC: Final[dict[EmbeddingType, str]] = {
    "classification": "accuracy",
    "clustering": "v_measure",
    "pair_classification": "cosine_ap",
    "reranking": "map",
    "retrieval": "ndcg_at_10",
    "sts": "cosine_spearman",
    "summarization": "cosine_spearman",
}
"""Main metric of each type, unless the task file names another."""


class HubData(Frozen):
    """A data set on the hub, and where in it the tables of a task are."""

    dataset: DatasetName
    revision: Revision | None = None
    """The commit that is read; ``None``: the newest, or whatever a local mirror holds."""
    config: str | None = None
    """Of roles whose split does not name one; ``None``: the data set's default."""
    splits: dict[str, str] = Field(default_factory=dict)
    """Role (``train``, ``test``, ``corpus`` …) → ``SPLIT`` or ``CONFIG/SPLIT``."""

    def part(self, role: str) -> tuple[str | None, str]:
        """Config and split of a role; without an entry, the split of that name."""
        config, _, split = self.splits.get(role, role).rpartition("/")
        return config or self.config, split


BEIR_SPLITS: Final = {
    "corpus": "corpus/corpus",
    "queries": "queries/queries",
    "qrels": "default/test",
}
"""Where the tables of a retrieval task are in data sets of mteb and BEIR on the hub."""


class OwnEmbeddingTask(EmbeddedTask):
    """An embedding task of mteb, or one on data in the layout of an mteb task type."""

    type: EmbeddingType | None = None
    hub: HubData | None = None
    """A data set on the hub, in the place of files."""
    splits: tuple[str, ...] = ()
    """Splits of the harness task that are scored, where there are several: a part of mteb's own;
    empty for all that mteb scores. Stated in the signature, not in :attr:`hash`."""

    def required_columns(self, role: str) -> tuple[str, ...]:
        return COLUMNS[self.type].get(role, ()) if self.type else ()

    @property
    def about(self) -> str:
        return self.type or str(self.source)

    @property
    def reads(self) -> dict[str, str]:
        if self.hub is None:
            return dict(self.datasets)
        return {self.hub.dataset: self.hub.revision or "main"}

    @model_validator(mode="before")
    @classmethod
    def _hub_layout_of_retrieval(cls, raw: Any) -> Any:
        """A retrieval task on the hub is in the layout of mteb's, where its file says no other."""
        if not isinstance(raw, dict) or raw.get("type") != "retrieval":
            return raw
        if not isinstance(hub := raw.get("hub"), dict) or "splits" in hub:
            return raw
        columns = {"id": "_id"} | raw.get("columns", {})
        return raw | {"hub": hub | {"splits": BEIR_SPLITS}, "columns": columns}

    @model_validator(mode="before")
    @classmethod
    def _data_from_folder(cls, raw: Any) -> Any:
        """``data: FOLDER`` of a retrieval task is a folder as BEIR has them."""
        if not isinstance(raw, dict) or raw.get("type") != "retrieval":
            return raw
        if not isinstance(folder := raw.get("data"), str):
            return raw
        rest = {key: value for key, value in raw.items() if key != "split"}
        qrels = f"{folder}/qrels/{raw.get('split', 'test')}.tsv"
        files = {"corpus": f"{folder}/corpus.jsonl", "queries": f"{folder}/queries.jsonl"}
        return rest | {
            "data": files | {"qrels": qrels},
            "columns": {"id": "_id"} | raw.get("columns", {}),
        }

    @model_validator(mode="after")
    def _has_source_or_files(self) -> Self:
        if self.hub is not None:
            self._check_hub(self.hub)
        elif check_source_or_files(self, ("type", "data", "columns")):
            assert self.type is not None
            check_files(self, f"type {self.type!r}", frozenset(COLUMNS[self.type]))
        return self

    def _check_hub(self, hub: HubData) -> None:
        for key in ("source", "data", "datasets", "split"):
            if getattr(self, key):
                raise ValueError(f"'hub' says what is read, so {key!r} has no meaning")
        if self.type is None:
            raise ValueError("'hub' needs 'type'")
        roles = COLUMNS[self.type]
        if unknown := hub.splits.keys() - roles.keys():
            names = ", ".join(sorted(unknown))
            raise ValueError(f"'splits' has unknown {names}; allowed: {', '.join(sorted(roles))}")


class MtebTask(OwnEmbeddingTask, defer_build=False):
    """A task of kind ``mteb``."""

    kind: Literal["mteb"]

    @model_validator(mode="after")
    def _splits_are_of_mteb(self) -> Self:
        if self.splits and (self.source is None or self.split):
            raise ValueError("'splits' belongs to a task of mteb, without 'split'")
        return self
