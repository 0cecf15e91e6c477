"""Rows of embedding tasks on files of one's own, read and checked before a model is loaded.

Nothing here imports mteb: ``tasks validate`` and planning call it too.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evalsuite.data import groups_of, is_id, place, read_rows, require_columns, with_values
from evalsuite.errors import DataError
from evalsuite.kinds.mteb.task import COLUMNS, VALUES, OwnEmbeddingTask

if TYPE_CHECKING:
    from datasets import Dataset

Row = dict[str, Any]
Columns = dict[str, list[Any]]
"""Name of a column as mteb has it → its values."""


@dataclass(frozen=True, slots=True)
class OwnTable:
    """One file of a task, with its columns under their standard names."""

    path: Path
    rows: list[Row]
    mapping: Mapping[str, str] = field(default_factory=dict)
    """Standard name → the file's own, where it differs."""

    def error(self, index: int, message: str) -> DataError:
        """An error about row ``index`` (from 0)."""
        return DataError(f"{place(self.path, index + 1)}: {message}")

    def said(self, column: str) -> str:
        """A column as a message names it: as in the file."""
        return repr(self.mapping.get(column, column))

    def texts(self, column: str) -> list[str]:
        """A column of texts, none of them empty."""
        for index, row in enumerate(self.rows):
            if not isinstance(row[column], str):
                raise self.error(index, f"{self.said(column)} is {_kind(row[column])}, not text")
            if not row[column].strip():
                raise self.error(index, f"{self.said(column)} is empty")
        return [row[column] for row in self.rows]

    def text_lists(self, column: str) -> list[list[str]]:
        """A column of lists of texts; no list and no text is empty."""
        for index, row in enumerate(self.rows):
            value = row[column]
            if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
                raise self.error(index, f"{self.said(column)} is not a list of texts")
            if not value:
                raise self.error(index, f"{self.said(column)} is an empty list")
            if not all(text.strip() for text in value):
                raise self.error(index, f"{self.said(column)} has an empty text")
        return [row[column] for row in self.rows]

    def numbers(self, column: str) -> list[float]:
        """A column of finite numbers."""
        for index, row in enumerate(self.rows):
            self._check_number(index, column, row[column])
        return [float(row[column]) for row in self.rows]

    def number_lists(self, column: str) -> list[list[float]]:
        """A column of lists of finite numbers."""
        for index, row in enumerate(self.rows):
            if not isinstance(row[column], list):
                raise self.error(index, f"{self.said(column)} is not a list of numbers")
            for value in row[column]:
                self._check_number(index, column, value)
        return [[float(value) for value in row[column]] for row in self.rows]

    def ids(self, column: str = "id") -> list[str]:
        """A column of ids, each different from the others; ``1`` and ``"1"`` are the same."""
        seen: dict[str, int] = {}
        for index, name in enumerate(self.names(column)):
            first = seen.setdefault(name, index)
            if first != index:
                raise self.error(
                    index, f"{self.said(column)} {name!r} occurs twice (first: {first + 1})"
                )
        return list(seen)

    def names(self, column: str) -> list[str]:
        """A column of ids, as text."""
        for index, row in enumerate(self.rows):
            if not is_id(row[column]):
                kind = _kind(row[column])
                raise self.error(index, f"{self.said(column)} is {kind}, not a text or a number")
        return [str(row[column]) for row in self.rows]

    def _check_number(self, index: int, column: str, value: object) -> None:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value):  # type: ignore[arg-type]
            raise self.error(index, f"{self.said(column)} is not a finite number but {value!r}")


def _kind(value: object) -> str:
    return type(value).__name__


@dataclass(frozen=True, slots=True)
class Judged:
    """What a retrieval task needs."""

    corpus: Dataset
    """``id``, ``title`` and ``text``, mapped from a file."""
    queries: Columns
    """``id`` and ``text`` of the queries that have judgements."""
    qrels: dict[str, dict[str, int]]
    """Query → document → how relevant it is."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """What a reranking task needs."""

    documents: list[Row]
    """``id``, ``title`` and ``text``."""
    queries: Columns
    qrels: dict[str, dict[str, int]]
    candidates: dict[str, list[str]]
    """Query → its documents."""


def checked_data(task: OwnEmbeddingTask) -> Any:
    """The data of a task in the form that mteb's task of its type needs, without mteb's classes.

    Returns:
        The columns of ``test``; for classification of ``train`` and ``test``, by split; for
        retrieval :class:`Judged`, for reranking :class:`Ranked`.

    Raises:
        DataError: For a missing file or column or a row that cannot be evaluated, naming file
            and row.
    """
    assert task.type is not None
    return _READERS[task.type](task, _tables(task))


def check_data(task: OwnEmbeddingTask) -> int:
    """Check the files of a task; see :func:`checked_data`.

    Returns:
        The number of rows.
    """
    assert task.type is not None
    tables = _tables(task)
    found = _READERS[task.type](task, tables)
    own_groups(task)
    rows = sum(len(table.rows) for table in tables.values())
    return rows + (len(found.corpus) if isinstance(found, Judged) else 0)


def _tables(task: OwnEmbeddingTask) -> dict[str, OwnTable]:
    assert task.type is not None
    assert task.data is not None
    columns = COLUMNS[task.type]
    return {
        role: _read_table(path, columns[role], task.columns, VALUES[task.type])
        for role, path in task.data.items()
        if role != "corpus"  # may be too large for this
    }


def own_groups(task: OwnEmbeddingTask) -> dict[str, str]:
    """What the items of an own-data task belong to: item → value of its column ``group``.

    Items are the test rows by number, for retrieval the queries by id.

    Raises:
        DataError: If only some rows have a group.
    """
    assert task.data is not None
    path = task.data["queries" if task.type == "retrieval" else "test"]
    rows = read_rows(path)
    groups = groups_of(rows, task.columns, path)
    if groups is None:
        return {}
    key = task.columns.get("id", "id") if task.type == "retrieval" else None
    names = [str(row[key]) if key else str(number) for number, row in enumerate(rows)]
    return dict(zip(names, groups, strict=True))


def _read_table(
    path: Path, columns: Sequence[str], mapping: dict[str, str], values: frozenset[str]
) -> OwnTable:
    rows = read_rows(path)
    require_columns(rows, columns, mapping, path)
    names = {given: standard for standard, given in mapping.items()}
    standard = [{names.get(key, key): row[key] for key in row} for row in rows]
    return OwnTable(path, with_values(path, standard, values), mapping)


def _classification(_: OwnEmbeddingTask, tables: dict[str, OwnTable]) -> dict[str, Columns]:
    train, test = tables["train"], tables["test"]
    for table in (train, test):
        for index, row in enumerate(table.rows):
            if not isinstance(row["label"], (str, int)):
                raise table.error(index, f"'label' is {_kind(row['label'])}, not text or integer")
    labels = sorted({str(row["label"]) for row in train.rows})
    if len(labels) < 2:
        raise DataError(f"{train.path}: all rows have the label {labels[0]!r}", "add another")
    number = {label: index for index, label in enumerate(labels)}
    for index, row in enumerate(test.rows):
        if str(row["label"]) not in number:
            raise test.error(index, f"label {row['label']!r} does not occur in {train.path.name}")
    return {
        split: {
            "text": table.texts("text"),
            "label": [number[str(row["label"])] for row in table.rows],
        }
        for split, table in (("train", train), ("test", test))
    }


def _clustering(_: OwnEmbeddingTask, tables: dict[str, OwnTable]) -> Columns:
    table = tables["test"]
    texts = table.text_lists("texts")
    numbered: list[list[int]] = []
    for index, row in enumerate(table.rows):
        labels = row["labels"]
        if not isinstance(labels, list) or len(labels) != len(texts[index]):
            raise table.error(index, "'labels' is not a list with one label for each text")
        if not all(isinstance(label, (str, int)) for label in labels):
            raise table.error(index, "'labels' has a label that is not text or integer")
        known = {label: n for n, label in enumerate(sorted(set(map(str, labels))))}
        if len(known) < 2:
            raise table.error(index, "all texts of the set have the same label")
        numbered.append([known[str(label)] for label in labels])
    return {"sentences": texts, "labels": numbered}


def _pairs(_: OwnEmbeddingTask, tables: dict[str, OwnTable]) -> Columns:
    table = tables["test"]
    labels = [row["label"] for row in table.rows]
    for index, label in enumerate(labels):
        if label not in (0, 1):
            raise table.error(index, f"'label' is {label!r}, not 0 or 1")
    if len(set(labels)) < 2:
        raise DataError(f"{table.path}: all rows have the label {labels[0]!r}", "add another")
    return {
        "sentence1": table.texts("sentence1"),
        "sentence2": table.texts("sentence2"),
        "labels": [int(label) for label in labels],
    }


def _sts(_: OwnEmbeddingTask, tables: dict[str, OwnTable]) -> Columns:
    table = tables["test"]
    scores = table.numbers("score")
    if len(set(scores)) < 2:
        raise DataError(f"{table.path}: all rows have the same 'score'", "add rows that differ")
    return {
        "sentence1": table.texts("sentence1"),
        "sentence2": table.texts("sentence2"),
        "score": scores,
    }


def _summarization(_: OwnEmbeddingTask, tables: dict[str, OwnTable]) -> Columns:
    table = tables["test"]
    machine, relevance = table.text_lists("machine_summaries"), table.number_lists("relevance")
    for index, (summaries, scores) in enumerate(zip(machine, relevance, strict=True)):
        if len(summaries) != len(scores):
            raise table.error(
                index, f"{len(summaries)} machine summaries but {len(scores)} relevance scores"
            )
    if all(len(set(row)) < 2 for row in relevance):
        raise DataError(
            f"{table.path}: 'relevance' does not differ within any row", "add rows where it does"
        )
    return {
        "text": table.texts("text"),
        "human_summaries": table.text_lists("human_summaries"),
        "machine_summaries": machine,
        "relevance": relevance,
    }


def _retrieval(task: OwnEmbeddingTask, tables: dict[str, OwnTable]) -> Judged:
    from evalsuite.kinds.mteb.own_corpus import known_ids, read_corpus

    assert task.data is not None
    path = task.data["corpus"]
    queries, qrels = tables["queries"], tables["qrels"]
    asked = {"id": queries.ids(), "text": queries.texts("text")}
    judged = _judgements(qrels)
    corpus = read_corpus(path, task.columns)
    documents = known_ids(corpus, {name for row in judged.values() for name in row})
    known_queries = set(asked["id"])
    pairs = zip(qrels.names("query-id"), qrels.names("corpus-id"), strict=True)
    for index, (query, document) in enumerate(pairs):
        if query not in known_queries:
            raise qrels.error(index, f"query-id {query!r} is not in {queries.path.name}")
        if document not in documents:
            raise qrels.error(index, f"corpus-id {document!r} is not in {path.name}")
    if not any(score > 0 for row in judged.values() for score in row.values()):
        raise DataError(f"{qrels.path}: no document has a 'score' above 0", "judge some relevant")
    kept = [place for place, name in enumerate(asked["id"]) if name in judged]
    of_judged = {name: [values[place] for place in kept] for name, values in asked.items()}
    return Judged(corpus, of_judged, judged)


def _judgements(qrels: OwnTable) -> dict[str, dict[str, int]]:
    """Query → document → score; a judgement may be there twice, but not with two scores."""
    judged: dict[str, dict[str, int]] = {}
    lines: dict[tuple[str, str], int] = {}
    pairs = zip(qrels.names("query-id"), qrels.names("corpus-id"), strict=True)
    for index, (pair, score) in enumerate(zip(pairs, qrels.numbers("score"), strict=True)):
        if score != int(score):
            raise qrels.error(index, f"'score' is {score}, not an integer")
        first = lines.setdefault(pair, index)
        earlier = judged.setdefault(pair[0], {}).setdefault(pair[1], int(score))
        if earlier != score:
            raise qrels.error(
                index,
                f"document {pair[1]!r} has the score {int(score)} for query {pair[0]!r}, "
                f"and {earlier} in line {first + 1}",
            )
    return judged


def _reranking(_: OwnEmbeddingTask, tables: dict[str, OwnTable]) -> Ranked:
    """Candidates are ranked by similarity; equal ones in the order that favours negatives.

    trec_eval breaks ties by descending id, so ids of negatives (``…-n…``) go before those of
    positives (``…-a…``).
    """
    table = tables["test"]
    documents: list[Row] = []
    judged: dict[str, dict[str, int]] = {}
    candidates: dict[str, list[str]] = {}
    sides = [
        (table.text_lists("positive"), "a", 1),
        (table.text_lists("negative"), "n", 0),
    ]
    for query in map(str, range(len(table.rows))):
        judged[query] = {}
        for texts, letter, relevant in sides:
            for number, text in enumerate(texts[int(query)]):
                name = f"{query}-{letter}{number:05d}"
                documents.append({"id": name, "title": "", "text": text})
                judged[query][name] = relevant
        candidates[query] = list(judged[query])
    asked = {"id": list(judged), "text": table.texts("query")}
    return Ranked(documents, asked, judged, candidates)


_READERS: Final[dict[str, Callable[[OwnEmbeddingTask, dict[str, OwnTable]], Any]]] = {
    "classification": _classification,
    "clustering": _clustering,
    "pair_classification": _pairs,
    "reranking": _reranking,
    "retrieval": _retrieval,
    "sts": _sts,
    "summarization": _summarization,
}
