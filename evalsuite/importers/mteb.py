"""Result files of mteb: one a task, in the form of mteb 1.0 to 1.10 or that of later versions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from evalsuite.errors import DataError, UsageError
from evalsuite.importers.files import JsonFile, finite, read_json, validated
from evalsuite.importers.records import (
    NOT_STATED,
    ImportedModel,
    ImportedScore,
    ImportedScores,
    check_once,
    to_record,
)
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.schema import LEADERBOARD_METRIC, Origin, Record
from evalsuite.text import listed, plain

META = "model_meta.json"
NO_REVISION = frozenset({"external", "no_revision_available", "no_revision", "None"})
"""Names of folders of results whose revision is not known."""
DEEPEST = 3
"""Levels of folders below the one that is given."""

MAIN_METRICS = (
    "ndcg_at_10",
    "v_measure",
    "max_ap",
    "cosine_spearman",
    "map",
    "map_at_1000",
    "accuracy",
)
"""Names of mteb's main metrics, by which ``main_score`` is recognised. Files before 1.11 mostly
lack ``main_score``: the first of these that they have is it."""
SIDES = ("cosine", "dot", "euclidean", "manhattan")
"""Similarities over which ``max_ap`` is the maximum."""
SAME = {"map": "map_at_1000", "map_at_1000": "map"}
"""Names of one metric in older and newer versions: the candidates of reranking are fewer than
1,000."""


class _Result(BaseModel):
    """What is read of a result file, in the newer form."""

    task_name: str
    mteb_version: str | None = None
    dataset_revision: str | None = None
    scores: dict[str, list[dict[str, Any]]]


class _NotThere(Exception):  # noqa: N818 - caught here, and shown as a line
    """The file lacks what the task reads."""


def read_mteb(
    folder: Path, registry: Registry, *, name: str | None = None, revision: str | None = None
) -> ImportedScores:
    """Read a folder of mteb's result files: one model's, one revision's, or many models'.

    The model's name and revision come from ``model_meta.json``, or from folders called
    ``org__name`` and by the revision. A file is taken for the task of the registry that reads the
    same mteb task, with its split and subsets; what lacks them is reported. Both the task file's
    metric and mteb's main metric are kept.

    Args:
        folder: The folder.
        registry: Tasks by name.
        name: What to call the model instead.
        revision: The revision of files whose folder states none.

    Raises:
        DataError: If the file is not a result of mteb; then nothing is imported.
        UsageError: If ``name`` is given for several models.
    """
    paths = _result_files(folder)
    sources = {path.parent: _source(path.parent, revision) for path in paths}
    models = {source.model for source in sources.values()}
    if name is not None and len(models) > 1:
        raise UsageError(f"--name fits one model, not {listed(sorted(models))}")
    tasks = _Tasks(registry)
    records: list[Record] = []
    left_out: list[str] = []
    unknown: list[str] = []
    for path in paths:
        source = sources[path.parent]
        source = ImportedModel(model=name or source.model, revision=source.revision)
        file = read_json(path)
        result = _result(file, path)
        task = tasks.find(result.task_name, path)
        try:
            score = _score(file, result, task, source)
        except _NotThere as missing:
            left_out.append(f"{path.parent.name}/{path.name}: {missing}")
            continue
        records.append(to_record(source, score))
        if task["name"].startswith("mteb:"):
            unknown.append(result.task_name)
    check_once(records)
    return ImportedScores(
        records=tuple((record, ()) for record in records),
        left_out=tuple(left_out),
        unknown=tuple(unknown),
    )


class _Tasks:
    """The registry's tasks, and the means over tasks, by the name of the mteb task."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        by_source = [t for t in registry.tasks.values() if t.kind == "mteb" and t.source]
        self._tasks = {str(task.source): task for task in by_source}
        self._tasks.update({str(t.source): t for t in by_source if t.name == t.source})
        # mteb's merged file of CQADupstack is called like the mean over its subsets.
        self._means = {m.name: m for s in registry.suites.values() for m in s.subtask_means}

    def find(self, name: str, path: Path) -> dict[str, Any]:
        """A task's definition as plain data."""
        task = self._tasks.get(name)
        if task is None and (mean := self._means.get(name)):
            return {"name": name, "kind": "mteb", "category": mean.category}
        if task is None:
            task = self._unknown(name, path)
        return task.model_dump(mode="json", exclude_defaults=True)

    def _unknown(self, name: str, path: Path) -> Task:
        try:
            return self._registry.task(f"mteb:{name}")
        except UsageError as error:
            raise DataError(f"{path.name}: {plain(error.message, 120)}") from None


def _result_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder", "give the folder with mteb's result files")
    found = [
        path
        for path in sorted(folder.rglob("*.json"))
        if path.name != META and len(path.relative_to(folder).parts) <= DEEPEST
    ]
    if not found:
        raise DataError(f"no result file of mteb is in {folder}")
    return found


def _source(folder: Path, revision: str | None) -> ImportedModel:
    """The model of a folder's files."""
    here = folder.absolute()
    if (here / META).exists():
        meta = read_json(here / META).content
        if isinstance(model := meta.get("name"), str) and model:
            return ImportedModel(
                model=plain(model, 200), revision=_revision(meta.get("revision"), revision)
            )
    model_folder = next((f for f in (here, *here.parents[:2]) if "__" in f.name), None)
    if model_folder is None:
        return ImportedModel(model=plain(here.name, 200), revision=revision)
    stated = None if model_folder == here else here.name
    return ImportedModel(
        model=plain(model_folder.name.replace("__", "/", 1), 200),
        revision=_revision(stated, revision),
    )


def _revision(stated: object, given: str | None) -> str | None:
    known = isinstance(stated, str) and stated and stated not in NO_REVISION
    return plain(str(stated), 80) if known else given


def _result(file: JsonFile, path: Path) -> _Result:
    content = file.content
    return validated(
        _Result,
        content if "scores" in content else _newer(content, path),
        f"{path.parent.name}/{path.name}",
        "mteb",
        "take it away, or give the folder with the result files",
    )


def _newer(content: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A file of mteb before 1.11 in the newer form.

    It has the splits at the top; in a split the metrics, or subsets with metrics; metrics by
    similarity lie one level deeper (``cos_sim: {ap: …}``).
    """
    scores: dict[str, list[dict[str, Any]]] = {}
    for split, entry in content.items():
        if not isinstance(entry, dict):
            continue
        inner = {key: value for key, value in entry.items() if isinstance(value, dict)}
        subsets = {key: value for key, value in inner.items() if key not in _OLD_SIDES}
        if subsets:
            scores[split] = [{"hf_subset": key, **value} for key, value in subsets.items()]
        elif any(finite(value) is not None for value in _flat(entry).values()):
            scores[split] = [{"hf_subset": "default", **entry}]
    return {
        "task_name": content.get("mteb_dataset_name", path.stem),
        "mteb_version": content.get("mteb_version"),
        "dataset_revision": content.get("dataset_revision"),
        # Without any split this is somebody else's file: let the validation say so.
        **({"scores": scores} if scores and "dataset_revision" in content else {}),
    }


_OLD_SIDES = frozenset({"cos_sim", "max", "similarity", *SIDES})


def _score(
    file: JsonFile, result: _Result, task: dict[str, Any], source: ImportedModel
) -> ImportedScore:
    split, rows = _rows(result, task)
    metrics, leaderboard = _metrics(rows, file.name)
    wanted = task.get("main_metric") or leaderboard
    if wanted not in metrics and SAME.get(wanted) in metrics:
        metrics[wanted] = metrics[SAME[wanted]]
    main = wanted if wanted in metrics else leaderboard
    if not -1 <= metrics[main] <= 1:
        raise DataError(f"{file.name}: {main} is {metrics[main]:g}, not between -1 and 1")
    subsets = task.get("subsets") or ()
    several = f"mean over all {len(rows)} subsets in the file"
    return ImportedScore(
        task=task,
        world="embedding",
        origin=Origin(
            format="mteb",
            file=file.name,
            sha256=file.sha256,
            harness=f"mteb {plain(result.mteb_version or NOT_STATED, 40)}",
            revision=source.revision,
        ),
        main_metric=main,
        value=metrics[main],
        estimator="other",  # the file has no samples
        metrics=metrics,
        split=task.get("split"),
        details={
            LEADERBOARD_METRIC: leaderboard,
            "dataset_revision": result.dataset_revision,
            "split": split,
        },
        raw={"scores": {split: rows}},
        warnings=(several,) if len(rows) > 1 and not subsets else (),
    )


def _rows(result: _Result, task: Mapping[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    """The split and the rows of the subsets that a task reads."""
    splits = list(result.scores)
    split = task.get("split") or ("test" if "test" in splits or len(splits) != 1 else splits[0])
    if split not in splits:
        raise _NotThere(f"no split {split}, only {listed([plain(s, 40) for s in splits]) or '–'}")
    rows = {plain(str(row.get("hf_subset", "default")), 80): row for row in result.scores[split]}
    wanted = task.get("subsets") or list(rows)
    if lacking := [subset for subset in wanted if subset not in rows]:
        raise _NotThere(f"no subset {listed(lacking)} in split {split}, only {listed(list(rows))}")
    if not rows:
        raise _NotThere(f"no scores in split {split}")
    return split, [rows[subset] for subset in wanted]


def _metrics(rows: Sequence[Mapping[str, Any]], where: str) -> tuple[dict[str, float], str]:
    """Means over subsets of the metrics that all have, and the name of mteb's main metric."""
    found = [_row_metrics(row) for row in rows]
    shared = [key for key in found[0] if all(key in row for row in found)]
    means = {key: math.fsum(row[key] for row in found) / len(found) for key in shared}
    score = means.pop("main_score", None)
    if score is None:
        name = next((name for name in MAIN_METRICS if name in means), None)
        if name is None:
            raise DataError(f"{where} has no score that mteb has as a main metric")
        return means, name
    same = [key for key in (*MAIN_METRICS, *sorted(means)) if means.get(key) == score]
    if not same:
        means["main_score"] = score
    return means, same[0] if same else "main_score"


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
