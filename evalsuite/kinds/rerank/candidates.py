"""What the first stage leaves for the second: queries, and the documents found for each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evalsuite.files import write_atomically
from evalsuite.schema import DataInfo, Frozen

FILE_NAME = "candidates.json"
"""File in the job's folder: there once all queries have been searched for."""


class Document(Frozen):
    """A document of the corpus."""

    title: str
    text: str


class Query(Frozen):
    """A query with what was found for it."""

    id: str
    text: str
    documents: tuple[str, ...]
    """Ids, best first; equal scores by descending id, as trec_eval orders them."""
    scores: tuple[float, ...]
    """Cosine similarities."""
    judged: dict[str, int]
    """Document id → relevance."""


class Candidates(Frozen):
    """The outcome of the first stage."""

    queries: tuple[Query, ...]
    documents: dict[str, Document]
    """All documents that were found for some query."""
    data: DataInfo
    details: dict[str, Any]
    engine_seconds: float
    load_seconds: float
    seconds: float


def save_candidates(folder: Path, found: Candidates) -> None:
    """Write the file that says that the search is done; whole or not at all."""
    write_atomically(folder / FILE_NAME, found.model_dump_json().encode(), sync=True)


def load_candidates(folder: Path) -> Candidates | None:
    """What an earlier stage has left, if it has finished."""
    try:
        return Candidates.model_validate_json((folder / FILE_NAME).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
