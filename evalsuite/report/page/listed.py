"""What a page shows of samples that refer to texts: documents, choices, members of clusters."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

DOCUMENTS_SHOWN: Final = 5
LONGEST_DOCUMENT: Final = 600
LONGEST_MEMBER: Final = 160

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One text of a list."""

    text: str
    mark: str = ""
    """What stands before it: a score, a count, whether it is right."""
    right: bool = False
    group: str = ""
    """Heading of the entries that follow each other with the same one."""


Entries = tuple[Entry, ...]


def arranged(row: Row) -> dict[str, Any]:
    """A sample's columns, those that belong together as one list of entries.

    Args:
        row: A sample with its texts, as :mod:`evalsuite.results.readable` gives it.
    """
    found = dict(row)
    for arrange in _ARRANGERS:
        arrange(found)
    return {column: value for column, value in found.items() if not column.endswith("_text")}


def _documents(row: dict[str, Any]) -> None:
    """Documents with texts, similarities, and whether they are relevant."""
    relevant = row.get("relevant") or []
    for column in ("documents", "documents_before", "documents_after"):
        ids, texts = row.get(column), row.get(f"{column}_text") or []
        if isinstance(ids, list) and (texts or "query" in row):
            similar = [] if column == "documents_after" else row.get("similarities") or []
            listed = list(zip_longest(ids, texts, similar[: len(ids)]))[:DOCUMENTS_SHOWN]
            row[column] = tuple(_document(*one, relevant=relevant) for one in listed)
    if texts := row.get("relevant_text"):
        listed = [(name, text, None) for name, text in zip(relevant, texts, strict=True)]
        row["relevant"] = tuple(_document(*one) for one in listed[:DOCUMENTS_SHOWN])
    if text := row.get("document_text"):
        row["document"] = (_document(row["document"], text, row.get("similarity")),)
    if "documents" in row or "documents_before" in row:
        row.pop("similarities", None)


def _document(
    name: str, text: str | None, similarity: float | None, relevant: Sequence[str] = ()
) -> Entry:
    right = name in relevant
    marks = (*_stated("{:.3f}", similarity), *(["relevant"] if right else []))
    shown = name if text is None else f"[{name}] {_short(text, LONGEST_DOCUMENT)}"
    return Entry(shown, " · ".join(marks), right)


def _labels(row: dict[str, Any]) -> None:
    """The labels that were predicted, with the number of experiments that predicted each."""
    gold, predictions = row.get("gold"), row.get("predictions")
    if not isinstance(predictions, list) or "text" not in row:
        return
    names = dict(
        zip(map(str, predictions), row.get("predictions_text") or predictions, strict=True)
    )
    row["predictions"] = tuple(
        Entry(_label(label, names[label]), f"{count} of {len(predictions)}", label == str(gold))
        for label, count in Counter(map(str, predictions)).most_common()
    )
    row["gold"] = _label(str(gold), row.get("gold_text"))


def _label(label: str, name: object) -> str:
    return label if name is None or str(name) == label else f"{label}: {name}"


def _matches(row: dict[str, Any]) -> None:
    """The sentence that was found for another one, and the right one."""
    if "sentence" not in row:
        return
    for column in ("gold", "found"):
        text = row.get(f"{column}_text")
        if text is not None:
            right = column == "gold" or bool(row.get("correct"))
            row[column] = (Entry(f"[{row[column]}] {text}", "right" if right else "wrong", right),)


def _clusters(row: dict[str, Any]) -> None:
    """The members of each cluster, with their labels."""
    members, clusters = row.get("members"), row.get("member_clusters")
    labels = row.pop("member_labels", None)
    if not members or not labels:
        return
    del row["members"]
    if clusters:
        row.pop("member_clusters")
        order = sorted(range(len(members)), key=lambda place: (clusters[place], labels[place]))
    else:
        order = list(range(len(members)))
    row["members"] = tuple(
        Entry(
            _short(members[place], LONGEST_MEMBER),
            f"label {labels[place]}",
            group=f"Cluster {clusters[place]}" if clusters else "",
        )
        for place in order
    )


def _summaries(row: dict[str, Any]) -> None:
    """Summaries with their ratings and similarities."""
    machine = row.get("machine_summaries")
    if not isinstance(machine, list):
        return
    ratings, similar = row.pop("ratings", None) or [], row.pop("similarities", None) or []
    row["machine_summaries"] = tuple(
        Entry(text, " · ".join((*_stated("rated {:g}", rating), *_stated("{:.3f}", value))))
        for text, rating, value in zip_longest(machine, ratings, similar)
    )
    row["human_summaries"] = tuple(map(Entry, row.get("human_summaries") or ()))


def _stated(form: str, value: float | None) -> tuple[str, ...]:
    return () if value is None else (form.format(value),)


def _choices(row: dict[str, Any]) -> None:
    """The choices of a question, with log-likelihoods, the right ones and the one taken."""
    choices = row.get("choices")
    if not isinstance(choices, list):
        return
    values = list(_logprobs(row))[: len(choices)]
    taken, gold = row.pop("extracted", None), _right(row.get("target"))
    listed = []
    for place, (choice, value) in enumerate(zip_longest(choices, values, fillvalue="")):
        right = str(place) in gold or choice.strip() in gold
        marks = (value, "taken" if str(place) == taken else "", "gold" if right else "")
        listed.append(Entry(choice.strip(), " · ".join(filter(None, marks)), right))
    row["choices"] = tuple(listed)
    row.pop("logprobs", None)


def _right(target: object) -> set[str]:
    """The right choices, by number or text: a target is one of them, or a list."""
    try:
        plain = json.loads(str(target))
    except ValueError:
        plain = target
    return {str(one).strip() for one in (plain if isinstance(plain, list) else [plain])}


def _logprobs(row: Row) -> Iterator[str]:
    try:
        values = json.loads(row.get("logprobs") or "[]")
    except ValueError:
        return
    for value in values:
        yield f"{value:.2f}"


def _short(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


_ARRANGERS: tuple[Callable[[dict[str, Any]], None], ...] = (
    _documents,
    _labels,
    _matches,
    _clusters,
    _summaries,
    _choices,
)
