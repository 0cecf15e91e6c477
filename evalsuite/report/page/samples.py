"""Which samples a page carries, and in which columns."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from evalsuite.data import SampleTable
from evalsuite.report.page.listed import Entries, Entry, arranged
from evalsuite.report.page.problems import problems_of
from evalsuite.report.page.text import cut, visible
from evalsuite.schema import digest

SampleRow = Mapping[str, Any]
Value = str | float | Entries | None
Role = Literal["text", "prompt", "gold", "answer", "extracted", "more"]
"""Where a column stands: what the sample is about, what the model saw, what is right, what came,
what was taken from it."""

ROLES: dict[str, tuple[Role, str]] = {
    "prompt": ("prompt", "Prompt as the model saw it"),
    "query": ("text", "Query"),
    "question": ("text", "Question"),
    "sentence": ("text", "Sentence"),
    "sentence1": ("text", "First sentence"),
    "sentence2": ("text", "Second sentence"),
    "text": ("text", "Text"),
    "human_summaries": ("gold", "Summaries by people"),
    "relevant": ("gold", "Relevant documents"),
    "choices": ("answer", "Choices, with their log-likelihoods"),
    "members": ("answer", "Some of the texts, by cluster, with their labels"),
    "machine_summaries": ("answer", "Summaries by machines, with ratings and similarities"),
    "found": ("answer", "Found"),
    "document": ("answer", "Document that the answer is read from"),
    "documents_after": ("answer", "Documents after reranking, best first"),
    "documents_before": ("more", "Documents before reranking, best first"),
    "target": ("gold", "Gold"),
    "gold": ("gold", "Gold"),
    "label": ("gold", "Gold label"),
    "reference": ("gold", "Reference answer"),
    "response": ("answer", "Answer"),
    "predictions": ("answer", "Predictions, one an experiment"),
    "cosine": ("answer", "Cosine similarity"),
    "documents": ("answer", "Documents found, best first"),
    "extracted": ("extracted", "Extracted"),
    "parsed": ("more", "An answer was found"),
    "logprobs": ("more", "Log-likelihood of each choice"),
    "correct": ("more", "Share of experiments that are right"),
    "judgement": ("more", "Judge's replies"),
    "order": ("more", "Order shown to the judge"),
    "problem": ("more", "Problem"),
}
"""Column of the store → place and label; other columns stand under ``more`` by their own name."""

_ORDER: tuple[Role, ...] = ("text", "prompt", "gold", "answer", "extracted", "more")
_IDENTITY = ("sample", "subset", "score")
_STAND_IN = "cosine"
"""What is compared where a sample has no score of its own (correlations, average precision)."""
_LONGEST_LIST = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleColumn:
    """One column; its values by page row, then by sample."""

    label: str
    role: Role
    values: tuple[tuple[Value, ...] | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSamples:
    """The samples of one task that a page carries."""

    task: str
    ids: tuple[str, ...]
    total: int
    """Samples that the store holds, over all rows."""
    scores: tuple[tuple[float | None, ...] | None, ...]
    """By page row, then by sample; ``None`` for a row without samples."""
    measure: str
    """What ``scores`` are: ``score``, or what stands in for it."""
    columns: tuple[SampleColumn, ...]
    problems: tuple[tuple[tuple[str, ...], ...] | None, ...]
    """By page row, then by sample: what went wrong with the answer."""
    basis: tuple[str, ...]
    """By page row, what the samples were drawn from: rows that differ have other samples."""

    def payload(self) -> dict[str, Any]:
        """Plain data for the page; each distinct text once."""
        texts: dict[str, int] = {}
        columns = []
        for column in self.columns:
            kind = _kind(column)
            cells = [
                None if values is None else [_cell(value, texts, kind) for value in values]
                for values in column.values
            ]
            columns.append({"label": column.label, "role": column.role, "kind": kind, "v": cells})
        return {
            "ids": self.ids,
            "total": self.total,
            "measure": self.measure,
            "scores": self.scores,
            "basis": self.basis,
            "problems": self.problems,
            "columns": columns,
            "texts": list(texts),
        }


def choose_samples(
    task: str, tables: Sequence[SampleTable | None], basis: Sequence[str], most: int
) -> TaskSamples | None:
    """The samples of a task for a page; the same ones for all checkpoints.

    Those whose score differs most between checkpoints come first, then those that most
    checkpoints have; among equals the hash of the name decides, so that the choice looks random
    but never changes. They are listed in the order of the store.

    Args:
        task: Its name.
        tables: The samples of each page row, or ``None``.
        basis: Of each page row, what its samples were drawn from.
        most: Samples to keep.

    Returns:
        ``None`` if no row has samples.
    """
    numbers = [_numbers_by_name(table) if table is not None else {} for table in tables]
    ids = list(dict.fromkeys(name for table in numbers for name in table))
    if not ids:
        return None
    measure, values = _measured(tables, numbers)
    kept = set(_most_telling(task, ids, values, most))
    names = tuple(name for name in ids if name in kept)
    shown = _shown(tables, numbers, names)
    return TaskSamples(
        task=task,
        ids=tuple(visible(cut(name, 200)) for name in names),
        total=len(ids),
        scores=tuple(
            None if table is None else tuple(known.get(name) for name in names)
            for table, known in zip(tables, values, strict=True)
        ),
        measure=measure,
        columns=tuple(_columns(shown, names, measure)),
        problems=tuple(
            None if rows is None else tuple(problems_of(rows.get(name) or {}) for name in names)
            for rows in shown
        ),
        basis=tuple(basis),
    )


def _numbers_by_name(table: SampleTable) -> dict[str, int]:
    """Row numbers of samples by name; a name that comes again gets a number."""
    found: dict[str, int] = {}
    samples = table.column("sample") or []
    subsets = table.column("subset") or [None] * len(samples)
    for row, (sample, subset) in enumerate(zip(samples, subsets, strict=True)):
        name = str(sample) if subset in (None, "", "default") else f"{subset}/{sample}"
        number = 2
        unique = name
        while unique in found:
            unique, number = f"{name} ({number})", number + 1
        found[unique] = row
    return found


def _measured(
    tables: Sequence[SampleTable | None], numbers: Sequence[Mapping[str, int]]
) -> tuple[str, list[dict[str, float | None]]]:
    """The column that samples are compared by, and of each table its values by name."""

    def columns(name: str) -> list[list[Any]]:
        return [(table and table.column(name)) or [] for table in tables]

    measure, found = "score", columns("score")
    if not any(value is not None for column in found for value in column):
        measure, found = _STAND_IN, columns(_STAND_IN)
    values = [
        {name: _number(column[row]) for name, row in rows.items()} if column else {}
        for column, rows in zip(found, numbers, strict=True)
    ]
    return measure, values


def _most_telling(
    task: str, ids: Sequence[str], values: Sequence[Mapping[str, float | None]], most: int
) -> list[str]:
    """The names of samples whose values differ most."""

    def rank(name: str) -> tuple[float, int, str]:
        known = [found for table in values if (found := table.get(name)) is not None]
        spread = max(known) - min(known) if known else 0.0
        return (-spread, -len(known), digest([task, name]))

    return sorted(ids, key=rank)[:most]


def _shown(
    tables: Sequence[SampleTable | None],
    numbers: Sequence[Mapping[str, int]],
    names: Sequence[str],
) -> list[dict[str, SampleRow] | None]:
    """Of each table, the whole rows of some samples by name."""
    found: list[dict[str, SampleRow] | None] = []
    for table, rows in zip(tables, numbers, strict=True):
        there = [name for name in names if name in rows]
        whole = table.rows([rows[name] for name in there]) if table is not None else []
        found.append(None if table is None else dict(zip(there, map(arranged, whole), strict=True)))
    return found


def _columns(
    tables: Sequence[Mapping[str, SampleRow] | None], names: Sequence[str], measure: str
) -> list[SampleColumn]:
    keys = dict.fromkeys(
        key
        for table in tables
        if table
        for row in table.values()
        for key in row
        if key not in _IDENTITY
    )
    columns = []
    for key in keys:
        role, label = ROLES.get(key, ("more", key))
        values = tuple(
            None if t is None else tuple(_plain((t.get(name) or {}).get(key)) for name in names)
            for t in tables
        )
        said = {value for row in values for value in row or ()}
        if said <= {None, "", "[]", ()} or (key == "parsed" and said <= {None, "yes"}):
            continue
        if key == "correct" and measure == "score":
            continue  # it is the score
        columns.append(SampleColumn(label=visible(label), role=role, values=values))
    return sorted(columns, key=lambda column: _ORDER.index(column.role))


def _plain(value: object) -> Value:
    """A stored value as a number, a readable text or a list of them."""
    if isinstance(value, tuple):
        return tuple(
            replace(one, text=visible(cut(one.text)), mark=visible(one.mark)) for one in value
        )
    if value is None or isinstance(value, str):
        return None if value is None else visible(cut(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    number = _number(value)
    if number is not None:
        return number
    return visible(cut(json.dumps(value, ensure_ascii=False, default=str), _LONGEST_LIST))


def _number(value: object) -> float | None:
    """A finite number with six digits."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float) and math.isfinite(value):
        return float(f"{value:.6g}")
    return None


def _kind(column: SampleColumn) -> Literal["n", "t", "l"]:
    """What the values of a column are: numbers, texts, or lists of texts."""
    values = [value for row in column.values for value in row or ()]
    if any(isinstance(value, tuple) for value in values):
        return "l"
    return "t" if any(isinstance(value, str) for value in values) else "n"


def _cell(value: Value, texts: dict[str, int], kind: str) -> Any:
    """A value in the page: a number, a text's number, or a list of entries.

    An entry is its text's number, what stands before it, whether it is right, and its heading.
    """
    if value is None or kind == "n":
        return value
    if kind == "t":
        return texts.setdefault(str(value), len(texts))
    entries = value if isinstance(value, tuple) else (Entry(str(value)),)
    return [
        [texts.setdefault(one.text, len(texts)), one.mark, int(one.right), one.group]
        for one in entries
    ]
