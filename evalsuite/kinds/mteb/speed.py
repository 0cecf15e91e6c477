"""mteb's classification without its slow walks over data set columns.

A column of a Hugging Face data set is read anew at every access of an element. mteb 2.26 draws
its training texts, and computes ten metrics per experiment, on such columns; with the same
values in memory the results are the same and large data sets take seconds instead of hours.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from mteb.abstasks.classification import AbsTaskClassification


class InMemoryLabels:
    """Mixin for :class:`AbsTaskClassification`: labels are read once."""

    def _undersample_data(
        self: Any, dataset: Any, experiment_num: int, idxs: list[int] | None = None
    ) -> tuple[Any, list[int], list[int]]:
        """Draw the training rows of one experiment, as mteb does.

        The order of the rows is shuffled once more with the task's seed; of each label the
        first ``samples_per_label`` are taken.

        Returns:
            The rows, the order (for the next experiment) and the indices of the rows.
        """
        del experiment_num
        order = list(range(len(dataset))) if idxs is None else idxs
        np.random.RandomState(self.seed).shuffle(order)
        labels = dataset[self.label_column_name][:]
        missing = Counter(dict.fromkeys(labels, self.samples_per_label))
        chosen: list[int] = []
        for index in order:
            if missing[labels[index]] > 0:
                missing[labels[index]] -= 1
                chosen.append(index)
        return dataset.select(chosen), order, chosen

    def _calculate_scores(self, y_test: Any, y_pred: Any) -> Any:
        scores = super()._calculate_scores  # type: ignore[misc]  # of the mteb class
        return scores(np.asarray(y_test[:]), y_pred)


def with_fast_labels(kind: type[Any]) -> type[Any]:
    """The class of an mteb task, or a faster subclass with the same results.

    Tasks that draw or score in a way of their own stay as they are.
    """
    if not issubclass(kind, AbsTaskClassification) or kind.metadata.type != "Classification":
        return kind
    own = ("_undersample_data", "_calculate_scores")
    if any(getattr(kind, name) is not getattr(AbsTaskClassification, name) for name in own):
        return kind
    return type(kind.__name__, (InMemoryLabels, kind), {})
