"""Which texts of a clustering task are shown with their clusters: the same for every checkpoint.

mteb's sampled clustering keeps the cluster of each text that it drew, but not which texts these
are. They are drawn here once more, with the same generator in the same order. Whether they are the
same ones is checked: their labels and mteb's clusters must give mteb's V-measure.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any, Final

from sklearn.metrics import v_measure_score

from evalsuite.kinds.mteb.tasks import Part, PreparedTask
from evalsuite.sample_texts import drawn

Row = dict[str, Any]

LABELS_SHOWN: Final = 8
TEXTS_SHOWN: Final = 8
"""Of a set of texts to be clustered, so many labels are shown, with so many texts each."""

SAME: Final = 1e-9
"""Largest difference of two V-measures of the same clusters."""


def with_clusters(
    prepared: PreparedTask, part: Part, rows: Sequence[Row], predictions: Any
) -> list[Row]:
    """Samples of a clustering task with the clusters of the texts that are shown.

    Args:
        prepared: The task that was evaluated.
        part: The part that the samples are of.
        rows: Its samples, one a set or an experiment.
        predictions: The clusters that mteb has kept.

    Returns:
        The rows with ``member_clusters``: empty where mteb kept none, or those of other texts.
    """
    try:
        found = list(_clusters(prepared, part, rows, predictions))
    except Exception:  # mteb's classes have many authors; no score is lost for what is to be read
        logging.getLogger(__name__).warning("no clusters are kept of the samples", exc_info=True)
        found = [[] for _ in rows]
    return [{**row, "member_clusters": one} for row, one in zip(rows, found, strict=True)]


def _clusters(
    prepared: PreparedTask, part: Part, rows: Sequence[Row], predictions: Any
) -> Iterator[list[int]]:
    if isinstance(predictions, dict):
        drawn_texts = Experiments(prepared, part)
        for row in rows:
            level, _, number = row["sample"].partition("/")
            clusters = predictions[level][int(number)]
            yield drawn_texts.clusters_shown(row["sample"], clusters, row["v_measure"])
        return
    kept = iter(predictions)
    for labels in prepared.rows(part)[prepared.task.label_column_name]:
        # mteb does not cluster a set whose texts all have one label.
        clusters = next(kept) if len(set(labels)) > 1 else None
        yield [clusters[number] for number in shown_texts(labels)] if clusters else []


def shown_texts(labels: Sequence[object]) -> list[int]:
    """Which texts of a set are shown: some of some labels.

    Args:
        labels: Of each text, its label.
    """
    by_label: dict[str, list[int]] = {}
    for number in drawn([f"{number} {label}" for number, label in enumerate(labels)]):
        by_label.setdefault(str(labels[number]), []).append(number)
    some = list(by_label.values())[:LABELS_SHOWN]
    return sorted(chain.from_iterable(numbers[:TEXTS_SHOWN] for numbers in some))


class Experiments:
    """The draws of mteb's sampled clustering of one part of a task.

    Attributes:
        rows: Experiment (``Level 0/3``) → rows of the part, in the order of mteb's clusters.
    """

    def __init__(self, prepared: PreparedTask, part: Part) -> None:
        generator = random.Random(prepared.task.seed)  # noqa: S311 - mteb's own
        self._labels = _labels(prepared.task, prepared.rows(part))
        for one in prepared.parts:  # all parts draw from one generator
            self.rows = dict(_experiments(prepared.task, prepared.rows(one), generator))
            if one is part:
                break

    def labels(self, name: str) -> list[Any]:
        """The labels of the texts that an experiment has drawn."""
        level = int(name.partition("/")[0].removeprefix("Level "))
        return [_on(self._labels[row], level) for row in self.rows[name]]

    def shown(self, name: str) -> list[int]:
        """Which of the texts that an experiment has drawn are shown; a text may be drawn twice."""
        rows, labels = self.rows[name], self.labels(name)
        firsts = sorted({row: place for place, row in reversed(list(enumerate(rows)))}.values())
        return [firsts[number] for number in shown_texts([labels[place] for place in firsts])]

    def clusters_shown(self, name: str, clusters: Sequence[int], v_measure: float) -> list[int]:
        """The clusters of the texts that are shown.

        Args:
            name: The experiment.
            clusters: mteb's, of all texts that it drew.
            v_measure: mteb's.

        Returns:
            None where mteb has drawn other texts.
        """
        labels = self.labels(name) if name in self.rows else []
        if len(labels) != len(clusters):
            return []
        if abs(v_measure_score(labels, clusters) - v_measure) > SAME:
            return []
        return [clusters[place] for place in self.shown(name)]


def _experiments(task: Any, data: Any, generator: random.Random) -> Iterator[tuple[str, list[int]]]:
    rows = _embedded(task, len(data), generator)
    labels = _labels(task, data)
    depth = max(len(labels[row]) for row in rows)
    for level in range(depth if task.max_depth is None else min(task.max_depth, depth)):
        valid = [row for row in rows if _on(labels[row], level) != -1]
        for number in range(task.n_clusters):
            places = generator.choices(range(len(valid)), k=task.max_documents_per_cluster)
            yield f"Level {level}/{number}", [valid[place] for place in places]


def _embedded(task: Any, rows: int, generator: random.Random) -> Sequence[int]:
    """The rows that mteb embeds."""
    most, share = task.max_document_to_embed, task.max_fraction_of_documents_to_embed
    if most is None and share is None:
        return range(rows)
    wanted = int(share * rows) if share is not None else int(most)
    return generator.sample(range(rows), k=min(rows, wanted))


def _labels(task: Any, data: Any) -> list[list[Any]]:
    """Of each row its label on each level."""
    return [one if isinstance(one, list) else [one] for one in data[task.label_column_name]]


def _on(labels: Sequence[Any], level: int) -> Any:
    return labels[level] if len(labels) > level else -1
