"""AlpacaEval's instructions and reference answers, and a candidate's answers to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError, model_validator

from evalsuite.data import dataset_folder, hub_info, local_info, read_rows, rows_hash
from evalsuite.errors import DataError, first_line
from evalsuite.files import write_atomically
from evalsuite.kinds.alpaca_eval.task import AlpacaEvalTask
from evalsuite.schema import DataInfo, Frozen, Suspicion

LISTED = "alpaca_eval.json"
"""All rows as one JSON array: what the hub's repository has (beside a loading script)."""

PARQUET = "alpaca_eval/eval-*.parquet"
"""The same rows as the hub converts them."""

ANSWERS = "answers.json"
"""File in the job's folder: there once all answers are."""

Row = dict[str, Any]


class CandidateAnswer(Frozen):
    """A candidate's answer beside the reference."""

    instruction: str
    prompt: str
    """As the candidate was given it."""
    reference: str
    response: str
    number: int
    """Row of the data set."""


class Answers(Frozen):
    """What the first stage leaves for the judge."""

    answers: tuple[CandidateAnswer, ...]
    data: DataInfo
    details: dict[str, Any]
    warnings: tuple[str, ...]
    suspicions: tuple[Suspicion, ...] = ()
    engine_seconds: float
    load_seconds: float
    seconds: float

    @model_validator(mode="before")
    @classmethod
    def _with_numbers(cls, given: Any) -> Any:
        """Answers that an earlier version left are those to the first rows."""
        if not isinstance(given, dict) or not isinstance(answers := given.get("answers"), list):
            return given
        numbered = [{"number": n, **one} for n, one in enumerate(answers) if isinstance(one, dict)]
        return {**given, "answers": numbered}


def load_rows(
    task: AlpacaEvalTask, root: Path | None, limit: int | None
) -> tuple[list[Row], DataInfo]:
    """Read instructions (column ``instruction``) and references (``output``).

    Args:
        task: Names the data set and its revision.
        root: Local mirror of the hub; with it nothing is fetched.
        limit: How many of the first rows; ``None`` for all.

    Returns:
        The rows, and what was read (all rows count, whatever the limit).

    Raises:
        DataError: If they are missing or malformed.
    """
    [(name, revision)] = task.datasets.items()
    if root is None:
        path = _fetch(name, revision)
        rows = _read_listed(path)
        info = hub_info({name: revision}, rows_hash(rows))
    else:
        folder = dataset_folder(root, name, revision)
        if folder is None:
            raise DataError(f"dataset {name} is not in {root}", f"put it there as {name}")
        path = folder
        rows = _read_folder(folder)
        info = local_info({name: folder})
    for number, row in enumerate(rows):
        for column in ("instruction", "output"):
            if not isinstance(row.get(column), str):
                raise DataError(f"{path}: row {number} has no text in column {column!r}")
    return rows[:limit], info


def _fetch(name: str, revision: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(hf_hub_download(name, LISTED, repo_type="dataset", revision=revision))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise DataError(
            f"dataset {name} cannot be fetched: {first_line(error)}",
            "or give a local copy with --data",
        ) from error


def _read_folder(folder: Path) -> list[Row]:
    if (folder / LISTED).is_file():
        return _read_listed(folder / LISTED)
    tables = sorted(folder.glob(PARQUET))
    if not tables:
        raise DataError(f"{folder} has neither {LISTED} nor {PARQUET}", "fetch it again")
    return [row for table in tables for row in read_rows(table)]


def _read_listed(path: Path) -> list[Row]:
    try:
        rows = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}", "fetch it again") from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows) or not rows:
        raise DataError(f"{path} is not a list of rows", "fetch it again")
    return rows


def save_answers(folder: Path, answers: Answers) -> None:
    """Write the file that says that all answers are there; whole or not at all."""
    write_atomically(folder / ANSWERS, answers.model_dump_json().encode(), sync=True)


def load_answers(folder: Path) -> Answers | None:
    """The answers that an earlier stage has left, if it has finished."""
    try:
        return Answers.model_validate_json((folder / ANSWERS).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None
