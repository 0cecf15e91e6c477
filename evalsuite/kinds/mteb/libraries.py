"""Which libraries, besides mteb, can move the score of an mteb task by another version.

Read in mteb 2.26 and scikit-learn 1.9:

* Clustering: ``MiniBatchKMeans`` of scikit-learn. Its version 1.9 finds other clusters than 1.8
  from the same vectors (measured: 57.8 and 65.6).
* Classification: ``LogisticRegression(max_iter=100)`` of scikit-learn, which is stopped before it
  has converged; its steps are those of ``scipy.optimize.minimize(method="L-BFGS-B")``.
* Multilabel classification: ``KNeighborsClassifier`` of scikit-learn on training texts drawn with
  ``numpy.random.Generator.shuffle``, whose draws NumPy may change in any version.
* Regression: ``LinearRegression`` of scikit-learn, which solves with ``scipy.linalg.lstsq``.

All other scores follow from the vectors by a formula: correlations (SciPy), average precision and
F1 (scikit-learn), ranks (pytrec_eval). Versions of these differ in defects only, and a score is not
another one for each of their releases.
"""

from __future__ import annotations

from typing import Final

from evalsuite.kinds.mteb.facts import installed
from evalsuite.kinds.mteb.task import OwnEmbeddingTask

_BY_TYPE: Final[dict[str, tuple[str, ...]]] = {
    "Classification": ("scikit-learn", "scipy"),
    "Clustering": ("scikit-learn",),
    "MultilabelClassification": ("scikit-learn", "numpy"),
    "Regression": ("scikit-learn", "scipy"),
}
_OWN_TYPES: Final = {"classification": "Classification", "clustering": "Clustering"}


def scoring_libraries(task: OwnEmbeddingTask) -> tuple[str, ...]:
    """Distributions whose versions can move a task's score.

    Args:
        task: Of kind ``mteb``, on own data or a task of mteb.

    Returns:
        Names of distributions; none where the score follows from the vectors by a formula, or
        where mteb has no such task.
    """
    if task.source is None:
        kind = _OWN_TYPES.get(task.type or "", "")
    else:
        kind = str(installed().get(task.source, {}).get("type", ""))
    return _BY_TYPE.get(kind, ())
