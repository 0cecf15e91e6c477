"""The texts of the samples of an embedding task, as far as a person reads them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Final

from mteb.abstasks.retrieval import AbsTaskRetrieval

from evalsuite.kinds.mteb.clusters import Experiments, shown_texts
from evalsuite.kinds.mteb.limits import is_parallel
from evalsuite.kinds.mteb.tasks import Part, PreparedTask
from evalsuite.sample_texts import MOST, Name, SampleTexts, drawn, shortened, some_items, within
from evalsuite.search.corpus import Corpus

Row = Mapping[str, Any]

MOST_ITEMS: Final = 50_000
"""Samples of a task whose texts are kept."""
MOST_RELEVANT: Final = 20
"""Relevant documents of a query that are named."""

LONGEST_MEMBER: Final = 300
"""Characters of a text of a cluster."""

_BLOCK: Final = 1_000


@dataclass(frozen=True, slots=True)
class _PartTexts:
    """The texts of one part of a task; ids are those that its samples name."""

    items: Iterable[Row]
    named: Iterable[tuple[str, str]] = ()
    """All that samples may name: id and text, read as it is asked for."""
    some: Callable[[Sequence[str]], Mapping[str, str]] = field(default=lambda _: {})
    """Those of some ids."""
    gold: Sequence[str] = ()
    found: Sequence[str] = ()
    """Ids that the samples name, the best of all samples first."""


def texts_of(prepared: PreparedTask, rows: Sequence[Row]) -> SampleTexts | None:
    """The texts that the samples of a task are about.

    Args:
        prepared: The task that was evaluated.
        rows: Its samples, of all parts.

    Returns:
        ``None`` where the task's type has none, or its data is in a form that is not known here:
        texts are for reading, so that no score is lost for them.
    """
    try:
        return _texts_of(prepared, rows)
    except Exception:  # data sets and mteb's classes have many authors
        logging.getLogger(__name__).warning("no texts are kept of the samples", exc_info=True)
        return None


def _texts_of(prepared: PreparedTask, rows: Sequence[Row]) -> SampleTexts | None:
    task = prepared.task
    retrieves = isinstance(task, AbsTaskRetrieval)
    collect = _retrieval if retrieves else _COLLECTORS.get(task.metadata.type)
    if collect is None or not rows:
        return None
    kept = sorted(drawn([(row["subset"], row["sample"]) for row in rows])[:MOST_ITEMS])
    by_part: dict[str, list[Row]] = {}
    for number in kept:
        by_part.setdefault(rows[number]["subset"], []).append(rows[number])
    parts = {
        part.name: collect(prepared, part, by_part[part.name])
        for part in prepared.parts
        if part.name in by_part
    }
    items = some_items(
        {"sample": row["sample"], "subset": name, **row}
        for name, part in parts.items()
        for row in part.items
    )
    everything = (((name, one), text) for name, part in parts.items() for one, text in part.named)
    named, whole = within(everything)
    if whole:
        return SampleTexts(items=items, named=named)
    return SampleTexts(
        items=items,
        named=within(_some(parts, lambda part: part.gold), MOST // 2)[0],
        found=within(_some(parts, lambda part: part.found))[0],
    )


def _some(
    parts: Mapping[str, _PartTexts], ids: Callable[[_PartTexts], Sequence[str]]
) -> Iterator[tuple[Name, str]]:
    for name, part in parts.items():
        wanted = list(dict.fromkeys(ids(part)))
        for start in range(0, len(wanted), _BLOCK):
            block = wanted[start : start + _BLOCK]
            texts = part.some(block)
            yield from (((name, one), texts[one]) for one in block if one in texts)


def _retrieval(prepared: PreparedTask, part: Part, rows: Sequence[Row]) -> _PartTexts:
    data = prepared.rows(part)
    queries, several = data["queries"], len(prepared.parts) > 1
    prefix = f"{part.name}/" if several else ""
    columns = [queries[name] for name in ("text", "instruction") if name in queries.column_names]
    asked: dict[str, list[str]] = {}
    names = {row["sample"].removeprefix(prefix) for row in rows}
    relevant: dict[str, dict[str, int]] = {}
    for query, *texts in zip(queries["id"], *columns, strict=True):
        # A sample may be several queries, which share their id up to the last ``_``.
        name = query if query in names else query.rpartition("_")[0]
        if name in names:
            asked.setdefault(name, []).extend(shortened(text) for text in texts if text)
            relevant.setdefault(name, {}).update(data["relevant_docs"].get(query, {}))
    gold = {name: _best(relevant.get(name, {})) for name in names}
    items = (
        {
            "sample": row["sample"],
            "query": "\n".join(asked.get(name, ())),
            "relevant": gold[name],
        }
        for row in rows
        for name in [row["sample"].removeprefix(prefix)]
    )
    corpus = _Documents(data["corpus"])
    return _PartTexts(
        items=items,
        named=corpus.all(),
        some=corpus.some,
        gold=[one for ids in zip_longest(*gold.values()) for one in ids if one],
        found=[one for ids in zip_longest(*(r["documents"] for r in rows)) for one in ids if one],
    )


def _best(judged: Mapping[str, int]) -> list[str]:
    relevant = [name for name, level in judged.items() if level > 0]
    return sorted(relevant, key=lambda name: -judged[name])[:MOST_RELEVANT]


class _Documents:
    """The texts of a corpus; its ids are looked up only where some are asked for."""

    def __init__(self, rows: Any) -> None:
        self._rows = rows
        self._corpus: Corpus | None = None

    def all(self) -> Iterator[tuple[str, str]]:
        """Id and text of every document, read in blocks."""
        there = self._rows.column_names
        rows = self._rows.select_columns([c for c in ("id", "title", "text") if c in there])
        for block in rows.iter(batch_size=_BLOCK):
            titles = block.get("title") or [""] * len(block["id"])
            for name, title, text in zip(block["id"], titles, block["text"], strict=True):
                yield str(name), _titled(title, text)

    def some(self, ids: Sequence[str]) -> dict[str, str]:
        """Of some ids that are there."""
        self._corpus = self._corpus or Corpus(self._rows)
        places = self._corpus.rows_of(ids)
        texts = self._corpus.titles_and_bodies(list(places.values()))
        return {name: _titled(*text) for name, text in zip(places, texts, strict=True)}


def _titled(title: str | None, text: str) -> str:
    return f"{title}\n{text}" if title else text


def _sts(prepared: PreparedTask, part: Part, rows: Sequence[Row]) -> _PartTexts:
    return _PartTexts(_columns(prepared, part, rows, _PAIR, prepared.task.column_names))


def _pairs(prepared: PreparedTask, part: Part, rows: Sequence[Row]) -> _PartTexts:
    task = prepared.task
    columns = (task.input1_column_name, task.input2_column_name)
    return _PartTexts(_columns(prepared, part, rows, _PAIR, columns))


_PAIR: Final = ("sentence1", "sentence2")


def _classification(prepared: PreparedTask, part: Part, rows: Sequence[Row]) -> _PartTexts:
    task = prepared.task
    items = _columns(prepared, part, rows, ("text",), (task.input_column_name,))
    return _PartTexts(items, named=_label_names(prepared.rows(part), task.label_column_name))


def _label_names(data: Any, column: str) -> list[tuple[str, str]]:
    """Label → its name, where the data set states names beside numbers."""
    names = getattr(data.features.get(column), "names", None)
    if names:
        return [(str(number), name) for number, name in enumerate(names)]
    if "label_text" not in data.column_names:
        return []
    found = dict(zip(map(str, data[column]), map(str, data["label_text"]), strict=True))
    return sorted((label, name) for label, name in found.items() if label != name)


def _columns(
    prepared: PreparedTask,
    part: Part,
    rows: Sequence[Row],
    names: Sequence[str],
    columns: Sequence[str],
) -> Iterator[Row]:
    """Items with the texts of some columns of the data."""
    data = prepared.rows(part)
    places = _places(prepared, part)
    values = [data[column][:] for column in columns]
    for row in rows:
        texts = [shortened(column[places[row["sample"]]]) for column in values]
        yield {"sample": row["sample"], **dict(zip(names, texts, strict=True))}


def _places(prepared: PreparedTask, part: Part) -> dict[str, int]:
    """Sample → row of the part."""
    prefix = f"{part.name}/" if len(prepared.parts) > 1 else ""
    return {f"{prefix}{number}": place for place, number in enumerate(part.ids)}


def _bitext(prepared: PreparedTask, part: Part, rows: Sequence[Row]) -> _PartTexts:
    task = prepared.task
    pair = part.subset.split("-") if is_parallel(task) else task._DEFAULT_PAIR[0]  # noqa: SLF001
    others = prepared.rows(part)[pair[1]][:]
    return _PartTexts(
        items=_columns(prepared, part, rows, ("sentence",), pair[:1]),
        named=((str(number), text) for number, text in enumerate(others)),
        some=lambda ids: {one: others[int(one)] for one in ids},
        gold=[str(row["gold"]) for row in rows],
        found=[str(row["found"]) for row in rows],
    )


def _clustering(prepared: PreparedTask, part: Part, rows: Sequence[Row]) -> _PartTexts:
    """The texts whose clusters the samples keep, of each set or experiment."""
    if not any(row.get("member_clusters") for row in rows):
        return _PartTexts(())
    task, data = prepared.task, prepared.rows(part)
    texts, labels = data[task.input_column_name], data[task.label_column_name]
    if "v_measure" in rows[0]:
        return _PartTexts(_drawn_members(Experiments(prepared, part), texts[:], rows))
    places = _places(prepared, part)
    sets = [(row["sample"], places[row["sample"]]) for row in rows]
    return _PartTexts(
        _members(sample, texts[place], labels[place], shown_texts(labels[place]))
        for sample, place in sets
    )


def _drawn_members(
    experiments: Experiments, texts: Sequence[str], rows: Sequence[Row]
) -> Iterator[Row]:
    for row in rows:
        name = row["sample"]
        if row["member_clusters"]:
            drawn_texts = [texts[number] for number in experiments.rows[name]]
            shown = experiments.shown(name)
            yield _members(row["sample"], drawn_texts, experiments.labels(name), shown)


def _members(
    sample: str, texts: Sequence[str], labels: Sequence[object], shown: Sequence[int]
) -> Row:
    return {
        "sample": sample,
        "members": [shortened(texts[number], LONGEST_MEMBER) for number in shown],
        "member_labels": [str(labels[number]) for number in shown],
    }


def _summarization(prepared: PreparedTask, part: Part, rows: Sequence[Row]) -> _PartTexts:
    task, places = prepared.task, _places(prepared, part)
    data = prepared.rows(part)
    columns = {
        "text": task.text_column_name,
        "human_summaries": task.human_summaries_column_name,
        "machine_summaries": task.machine_summaries_column_name,
        "ratings": task.relevancy_column_name,
    }
    there = {name: data[column] for name, column in columns.items() if column in data.column_names}

    def item(row: Row) -> Row:
        values = {name: column[places[row["sample"]]] for name, column in there.items()}
        return {"sample": row["sample"], **{name: _short(value) for name, value in values.items()}}

    return _PartTexts([item(row) for row in rows])


def _short(value: Any) -> Any:
    if isinstance(value, list):
        return [one if isinstance(one, int | float) else shortened(one) for one in value]
    return shortened(value)


_COLLECTORS: dict[str, Callable[[PreparedTask, Part, Sequence[Row]], _PartTexts]] = {
    "BitextMining": _bitext,
    "Classification": _classification,
    "Clustering": _clustering,
    "PairClassification": _pairs,
    "STS": _sts,
    "Summarization": _summarization,
}
