"""Corpora and questions: files of one's own, or Natural Questions as the GRIT paper has it."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.data import (
    dataset_folder,
    files_info,
    hub_info,
    local_info,
    read_rows,
    require_columns,
    rows_hash,
)
from evalsuite.errors import DataError, first_line
from evalsuite.kinds.rag.task import COLUMNS, RagTask
from evalsuite.kinds.shared.answers import references
from evalsuite.schema import DataInfo

NQ_QUESTIONS = "validation"
"""Split of NQ-open that holds the 3,610 questions of the paper."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One passage."""

    id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Question:
    """One question with its equally right answers."""

    id: str
    text: str
    answers: tuple[str, ...]
    document: str | None = None
    """Id of the document that answers it, where the file says so."""


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """All that questions are answered from."""

    documents: tuple[Passage, ...]
    questions: tuple[Question, ...]
    data: DataInfo


def load_world(task: RagTask, root: Path | None, limit: int | None) -> QuestionSet:
    """Read a task's corpus and questions.

    Args:
        task: With files of its own (``corpus``: ``id``, ``text`` and perhaps ``title``;
            ``questions``: ``question``, ``answers`` and perhaps ``id`` and ``document``, the id
            of the document that answers it), or ``source: nq``.
        root: Local mirror of the hub; with it nothing is fetched.
        limit: Questions, from the first on.

    Raises:
        DataError: If a file is missing or a row lacks something.
    """
    world = _own(task) if task.data is not None else _natural_questions(task, root)
    if len({document.id for document in world.documents}) < len(world.documents):
        raise DataError(f"{task.name}: two documents have the same id", "make them distinct")
    if len({question.id for question in world.questions}) < len(world.questions):
        raise DataError(f"{task.name}: two questions have the same id", "make them distinct")
    return QuestionSet(world.documents, world.questions[:limit], world.data)


def _own(task: RagTask) -> QuestionSet:
    assert task.data is not None
    tables = {role: read_rows(path) for role, path in task.data.items()}
    for role, columns in COLUMNS.items():
        require_columns(tables[role], columns, task.columns, task.data[role])
    check_tables(task, tables)
    return QuestionSet(
        tuple(_documents(tables["corpus"], task.columns)),
        tuple(_questions(tables["questions"], task.columns)),
        files_info(task.data),
    )


def check_tables(task: RagTask, tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Check a task's own files, row by row.

    Raises:
        DataError: For an id that occurs twice, a question without an answer, or one about a
            document that is not there; names file and line.
    """
    assert task.data is not None
    corpus, asked = task.data["corpus"], task.data["questions"]
    documents = _distinct([one.id for one in _documents(tables["corpus"], task.columns)], corpus)
    questions = list(_questions(tables["questions"], task.columns))
    _distinct([one.id for one in questions], asked)
    for number, question in enumerate(questions, start=1):
        if not question.text.strip() or not any(map(str.strip, question.answers)):
            raise DataError(f"{asked}:{number}: the question or its answers are empty")
        if question.document is not None and question.document not in documents:
            raise DataError(f"{asked}:{number}: document {question.document!r} is not in {corpus}")


def _distinct(names: Sequence[str], path: Path) -> set[str]:
    seen: set[str] = set()
    for number, name in enumerate(names, start=1):
        if name in seen:
            raise DataError(f"{path}:{number}: 'id' {name!r} occurs twice")
        seen.add(name)
    return seen


def _documents(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[Passage]:
    for row in rows:
        title = row.get(names.get("title", "title"))
        yield Passage(
            id=str(row[names.get("id", "id")]),
            title=str(title or "").strip(),
            text=str(row[names.get("text", "text")]),
        )


def _questions(rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> Iterator[Question]:
    for number, row in enumerate(rows):
        right = row[names.get("answers", "answers")]
        listed = references(right) if isinstance(right, str) else tuple(map(str, right))
        name = row.get(names.get("id", "id"))
        yield Question(
            id=str(number if name is None else name),
            text=str(row[names.get("question", "question")]),
            answers=listed,
            document=str(named) if (named := row.get("document")) is not None else None,
        )


def _natural_questions(task: RagTask, root: Path | None) -> QuestionSet:
    """The corpus in BEIR's layout, the questions as NQ-open's."""
    corpus_name, questions_name = task.datasets
    folders = {name: _folder(task, name, root) for name in task.datasets}
    corpus = _read_all(folders[corpus_name], "corpus")
    questions = _read_all(folders[questions_name], NQ_QUESTIONS)
    by_name = {"id": "_id"}
    require_columns(corpus, COLUMNS["corpus"], by_name, folders[corpus_name])
    by_answer = {"answers": "answer"}
    require_columns(questions, COLUMNS["questions"], by_answer, folders[questions_name])
    if root is None:
        data = hub_info(task.datasets, rows_hash([*corpus, *questions]))
    else:
        data = local_info(folders)
    return QuestionSet(
        tuple(_documents(corpus, by_name)),
        tuple(_questions(questions, by_answer)),
        data,
    )


def _folder(task: RagTask, name: str, root: Path | None) -> Path:
    revision = task.datasets[name]
    if root is None:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError

        try:
            return Path(snapshot_download(name, repo_type="dataset", revision=revision))
        except (HfHubHTTPError, OSError) as error:
            raise DataError(
                f"{name} cannot be fetched: {first_line(error)}",
                f"get it once: evalsuite data fetch {task.name} DIR, then pass --data DIR",
            ) from error
    folder = dataset_folder(root, name, revision)
    if folder is None:
        raise DataError(f"{root} lacks {name}", f"evalsuite data fetch {task.name} {root}")
    return folder


def _read_all(folder: Path, name: str) -> list[dict[str, Any]]:
    """Rows of the files of one table: ``corpus.jsonl``, ``corpus/…parquet``, ``…/corpus-0….``."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and path.name.endswith((".jsonl", ".jsonl.gz", ".parquet"))
        and (path.name.split(".")[0].split("-")[0] == name or path.parent.name == name)
    ]
    if not found:
        raise DataError(
            f"{folder} has no file called {name}", "expected .jsonl, .jsonl.gz or .parquet"
        )
    return [row for path in found for row in _read(path)]


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.name.endswith(".gz"):
        return read_rows(path)
    try:
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            rows: list[dict[str, Any]] = [json.loads(line) for line in stream]
    except (OSError, EOFError, ValueError) as error:
        raise DataError(f"{path}: not readable gzipped JSON lines: {error}") from None
    return rows
