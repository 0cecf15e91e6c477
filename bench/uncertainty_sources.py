"""Real per-sample scores of stored checkpoints, as populations to draw from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from evalsuite.commands.stored import stored_records
from evalsuite.data import read_rows
from evalsuite.results.rows import plan_rows
from evalsuite.results.sampled import Sampled, sampled
from evalsuite.results.scores import choose
from evalsuite.schema import Record
from evalsuite.stats import (
    average_precision_influence,
    mean_influence,
    spearman,
    spearman_influence,
)
from evalsuite.store import Store

Floats = NDArray[np.float64]
SIMILAR = 4.0
"""Gold score of STS (0 to 5) from which a pair counts as a paraphrase."""
MANY_CLASSES = 30
"""Classes of which a cluster each can be made."""
FAMILIES = {
    "ndcg_at_10": "nDCG@10",
    "map_at_1000": "MAP of queries",
    "v_measure": "V-measure of sets",
    "f1": "F1",
    "cosine_spearman": "mean of correlations",
}


@dataclass(frozen=True)
class Source:
    """One stored score with its samples."""

    record: Record
    rows: list[dict[str, Any]]
    samples: Sampled

    @property
    def task(self) -> str:
        """Name of the task, whether asked for by the registry's name or mteb's."""
        return self.record.signature.task.removeprefix("mteb:")

    @property
    def checkpoint(self) -> str:
        """Name of the checkpoint and its precision."""
        return f"{self.record.checkpoint.name} ({self.record.signature.dtype})"

    def column(self, name: str) -> Floats:
        """A column of the samples, shape ``(n,)``."""
        return np.array([float(row[name]) for row in self.rows])


@dataclass(frozen=True)
class Population:
    """Items with a metric; what is known of all of them is the truth."""

    family: str
    task: str
    checkpoint: str
    metric: str
    """Name that the record would have."""
    columns: tuple[Floats, ...]
    value: Callable[..., float]
    influence: Callable[..., Floats | None]
    groups: list[NDArray[np.intp]] | None = None
    """Items of each cluster."""

    @property
    def units(self) -> int:
        """Number of independent items or clusters."""
        return len(self.groups) if self.groups else len(self.columns[0])

    def estimate(self, index: NDArray[np.intp]) -> tuple[float, Floats] | None:
        """Metric and influences on some items; ``None`` where it is not defined."""
        drawn = [column[index] for column in self.columns]
        influence = self.influence(*drawn)
        return None if influence is None else (self.value(*drawn), influence)


def sources(folder: Path, name: str) -> dict[str, Source]:
    """The scores of a checkpoint that follow from their samples, without fixed parts."""
    store = Store(folder)
    row = choose(plan_rows(stored_records(folder)), name)
    found: dict[str, Source] = {}
    for record in row.records.values():
        path = store.samples_path(record) if record.score is not None else None
        if path is None:
            continue
        rows = read_rows(path)
        samples = sampled(record, rows)
        if samples is not None and samples.parts == 1:
            source = Source(record, rows, samples)
            found[source.task] = source
    return found


def populations(source: Source) -> Iterator[Population]:
    """What a score and its samples give: the score itself, and other metrics of the same rows."""
    main = _main(source)
    yield main
    first = source.rows[0]
    if "predictions" in first:
        yield from _of_classes(source, main)
    if "ap" in first and main.metric != "map_at_1000":
        ap = (source.column("ap"),)
        yield replace(main, family=FAMILIES["map_at_1000"], metric="map_at_1000", columns=ap)
    if "gold" in first and "cosine" in first and np.ptp(main.columns[0]) > 1:
        labels = (main.columns[0] >= SIMILAR).astype(np.float64)
        yield replace(
            main,
            family="AP of pairs",
            task=f"{source.task}, gold ≥ {SIMILAR:g}",
            metric="cosine_ap",
            columns=(labels, main.columns[1]),
            value=_average_precision,
            influence=average_precision_influence,
        )


def _main(source: Source) -> Population:
    metric, samples = source.record.main_metric or "", source.samples
    mean = Population(
        family=FAMILIES.get(metric, "accuracy"),
        task=source.task,
        checkpoint=source.checkpoint,
        metric=metric,
        columns=(np.empty(0),),
        value=_mean,
        influence=mean_influence,
    )
    if samples.values is not None:
        groups = _members(samples.groups) if samples.groups else None
        family = "accuracy, clustered" if groups else mean.family
        return replace(mean, columns=(samples.values,), groups=groups, family=family)
    if metric.endswith("spearman"):
        return replace(
            mean,
            family="Spearman",
            columns=(source.column("gold"), source.column("cosine")),
            value=spearman,
            influence=spearman_influence,
        )
    return replace(
        mean,
        family="AP of pairs",
        columns=(source.column("label"), source.column("cosine")),
        value=_average_precision,
        influence=average_precision_influence,
    )


def _of_classes(source: Source, main: Population) -> Iterator[Population]:
    """Accuracy once more: a row an experiment and item; and items clustered by class."""
    right = correct(source)
    of_items = np.repeat(np.arange(len(right)), right.shape[1])
    yield replace(
        main,
        family="accuracy, clustered",
        task=f"{source.task}, experiments by item",
        columns=(right.ravel(),),
        groups=_members(of_items.tolist()),
    )
    classes = [str(row["gold"]) for row in source.rows]
    if len(set(classes)) >= MANY_CLASSES:
        yield replace(
            main,
            family="accuracy, clustered",
            task=f"{source.task}, items by class",
            groups=_members(classes),
        )


def correct(source: Source) -> Floats:
    """Right or wrong of each item in each of mteb's experiments, shape ``(items, experiments)``."""
    return np.array(
        [[float(guess == row["gold"]) for guess in row["predictions"]] for row in source.rows]
    )


def _members(names: Any) -> list[NDArray[np.intp]]:
    _, codes = np.unique(np.array(names), return_inverse=True)
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])


def _mean(x: Floats) -> float:
    return float(x.mean())


def _average_precision(labels: Floats, scores: Floats) -> float:
    return float(average_precision_score(labels, scores))
