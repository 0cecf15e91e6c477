"""One result file of mteb: in the form of mteb 1.0 to 1.10, or that of later versions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel

from evalsuite.errors import DataError
from evalsuite.importers.files import JsonFile, finite, validated

MAIN_METRICS: Final = (
    "ndcg_at_10",
    "v_measure",
    "max_ap",
    "cosine_spearman",
    "map",
    "map_at_1000",
    "accuracy",
)
"""Names of mteb's main metrics, by which ``main_score`` is recognised where mteb's own metric of
the task is not there. Files before 1.11 mostly lack ``main_score``."""
SIDES: Final = ("cosine", "dot", "euclidean", "manhattan")
"""Similarities over which ``max_ap`` is the maximum."""
SAME: Final = {"map": "map_at_1000", "map_at_1000": "map"}
"""Names of one metric in older and newer versions: the candidates of reranking are fewer than
1,000."""
MAIN: Final = "main_score"
_OLD_SIDES: Final = frozenset({"cos_sim", "max", "similarity", *SIDES})
_OLD_NAMES: Final = {
    "NorwegianParliament": "NorwegianParliamentClassification",
    "CMedQAv2": "CMedQAv2-reranking",
    "CMedQAv1": "CMedQAv1-reranking",
    "8TagsClustering": "EightTagsClustering",
    "PPC": "PpcPC",
}
"""Tasks whose names mteb has changed, as its ``renamed_tasks``."""
_OLD_SUBSETS: Final = {
    "MLSUMClusteringP2P": ("default", "fr", ("1.1.2.dev0", "1.1.3.dev0")),
    "MLSUMClusteringS2S": ("default", "fr", ("1.1.2.dev0", "1.1.3.dev0")),
    "XPQARetrieval": ("fr", "fra-fra", ()),
}
"""Task → a subset's old name, its new one, and the versions that it is renamed for; none: all
before 1.11. As mteb reads its own old files."""


class MtebFile(BaseModel):
    """What is read of a result file, in the newer form."""

    task_name: str
    mteb_version: str | None = None
    dataset_revision: str | None = None
    scores: dict[str, list[dict[str, Any]]]


def read_result(file: JsonFile, path: Path, known: Iterable[str]) -> MtebFile:
    """A file's content in the newer form, under the name that its task has now.

    Args:
        file: The file.
        path: Where it is.
        known: The tasks of mteb.

    Raises:
        DataError: If it is not a result file of mteb.
    """
    content = file.content
    found = validated(
        MtebFile,
        content if "scores" in content else _newer(content, path),
        f"{path.parent.name}/{path.name}",
        "mteb",
        "take it away, or give the folder with the result files",
    )
    for split, rows in found.scores.items():
        for row in rows:
            if isinstance(text := row.get(MAIN), str):
                raise DataError(
                    f"{path.parent.name}/{path.name}: {MAIN} of {split} is the text {text[:20]!r}, "
                    "not a number",
                    "export the file again with mteb",
                )
    return found.model_copy(update={"task_name": _name_now(found.task_name, known)})


def _name_now(name: str, known: Iterable[str]) -> str:
    """A task's name in the installed mteb, which has changed some, and the case of others."""
    name = _OLD_NAMES.get(name, name)
    names = frozenset(known)
    if name in names:
        return name
    return next((one for one in names if one.lower() == name.lower()), name)


def _newer(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A file of mteb before 1.11 in the newer form.

    It has the splits at the top; in a split the metrics, or subsets with metrics; metrics by
    similarity lie one level deeper (``cos_sim: {ap: …}``).
    """
    name, version = content.get("mteb_dataset_name", path.stem), content.get("mteb_version")
    old, new, versions = _OLD_SUBSETS.get(str(name), ("", "", ()))
    renamed = {old: new} if not versions or version in versions else {}
    scores: dict[str, list[dict[str, Any]]] = {}
    for split, entry in content.items():
        if not isinstance(entry, dict):
            continue
        inner = {key: value for key, value in entry.items() if isinstance(value, dict)}
        subsets = {key: value for key, value in inner.items() if key not in _OLD_SIDES}
        if not subsets and any(finite(value) is not None for value in _flat(entry).values()):
            subsets = {"default": entry}
        if subsets:
            scores[split] = [
                {"hf_subset": renamed.get(key, key), **value} for key, value in subsets.items()
            ]
    return {
        "task_name": name,
        "mteb_version": version,
        "dataset_revision": content.get("dataset_revision"),
        # Without any split this is somebody else's file: let the validation say so.
        **({"scores": scores} if scores and "dataset_revision" in content else {}),
    }


def mean_metrics(
    rows: Sequence[Mapping[str, Any]], metric: str | None
) -> tuple[dict[str, float], str | None]:
    """Means over parts of the metrics that all have, and the name of mteb's main metric.

    Args:
        rows: The parts.
        metric: mteb's main metric of the task, where it is known.

    Returns:
        The name is ``None`` where the rows hold no score that mteb has as a main metric.
    """
    found = [_row_metrics(row) for row in rows]
    shared = [key for key in found[0] if all(key in row for row in found)]
    means = {key: math.fsum(row[key] for row in found) / len(found) for key in shared}
    first = [metric] if metric else []
    if metric in SAME and metric not in means and SAME[metric] in means:
        means[metric] = means[SAME[metric]]
    score = means.pop(MAIN, None)
    if score is None:
        return means, next((name for name in (*first, *MAIN_METRICS) if name in means), None)
    same = [key for key in (*first, *MAIN_METRICS, *sorted(means)) if means.get(key) == score]
    if not same:
        means[MAIN] = score
    return means, same[0] if same else MAIN


def not_a_number(rows: Iterable[Mapping[str, Any]]) -> bool:
    """Whether the main score of a part is there, but no finite number."""
    return any(MAIN in row and finite(row[MAIN]) is None for row in rows)


def _row_metrics(row: Mapping[str, Any]) -> dict[str, float]:
    """Finite metrics of one subset under the newer names."""
    numbers = {
        key.replace("cos_sim_", "cosine_", 1): number
        for key, value in _flat(row).items()
        if (number := finite(value)) is not None and not key.startswith(("nauc_", "evaluation"))
    }
    aps = [numbers[f"{side}_ap"] for side in SIDES if f"{side}_ap" in numbers]
    if len(aps) == len(SIDES):
        numbers.setdefault("max_ap", max(aps))
    return numbers


def _flat(entry: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in entry.items():
        inner: Iterable[tuple[str, Any]] = (
            ((f"{key}_{name}", item) for name, item in value.items())
            if isinstance(value, dict)
            else [(key, value)]
        )
        flat.update(inner)
    return flat
