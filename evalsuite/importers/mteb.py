"""Folders of mteb's result files: one file a task, of one model or of many."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError, UsageError
from evalsuite.importers.files import JsonFile, read_json
from evalsuite.importers.identity import ImportedModel, earlier_fingerprint
from evalsuite.importers.mteb_file import SAME, MtebFile, mean_metrics, not_a_number, read_result
from evalsuite.importers.records import (
    NOT_STATED,
    ImportedScore,
    ImportedScores,
    Stated,
    apart,
    to_record,
)
from evalsuite.kinds.mteb.facts import TaskFacts, facts_of, installed
from evalsuite.kinds.mteb.parts import Parts, parts_of
from evalsuite.kinds.mteb.task import OwnEmbeddingTask
from evalsuite.registry.load import Registry
from evalsuite.schema import LEADERBOARD_METRIC, Direction, Origin, Record
from evalsuite.text import listed, plain, word

META: Final = "model_meta.json"
NO_MODEL: Final = "no_model_name/available"
"""What mteb calls a model that it knows no name of."""
NO_REVISION: Final = frozenset({"external", "no_revision_available", "no_revision", "None"})
"""Names of folders of results whose revision is not known."""
EXPERIMENTS: Final = "experiments"
"""Folder in a revision's with a folder for each way in which the model was loaded otherwise."""
DEEPEST: Final = 3
"""Levels of folders below the one that is given; experiments lie two levels deeper."""
SPEED: Final = frozenset({"CPUSpeedTask", "GPUSpeedTask"})
"""Tasks of mteb that measure how fast a model is, and have no score."""
CLUSTERS: Final = (
    "made before scikit-learn 1.9, as far as its file says; 1.9 finds other clusters, so do not "
    "compare it with scores from then on"
)
"""Warning at clustering scores of others: mteb's files do not state the version."""


def read_mteb(
    folder: Path, registry: Registry, *, name: str | None = None, revision: str | None = None
) -> ImportedScores:
    """Read a folder of mteb's result files: one model's, one revision's, or many models'.

    The model's name and revision come from ``model_meta.json``, or from folders called
    ``org__name`` and by the revision; files that name no model are told apart by their folder. A
    file is taken for the task of the registry that reads the same mteb task, with its splits and
    subsets, or all that mteb scores. What cannot be taken over is left out, with a line. Both the
    task file's metric and mteb's main metric are kept.

    Args:
        folder: The folder.
        registry: Tasks by name.
        name: What to call the model instead.
        revision: The revision of files whose folder states none.

    Raises:
        DataError: If the folder holds no result file.
        UsageError: If ``name`` is given for several models.
    """
    paths = _result_files(folder)
    left_out: list[str] = []
    sources = _sources(paths, revision, left_out)
    if name is not None:
        models = list(dict.fromkeys(source.name for source in sources.values()))
        if len(models) > 1:
            raise UsageError(f"--name fits one model, not {listed(sorted(models))}")
        sources = {place: _named(source, name) for place, source in sources.items()}
    tasks = _Tasks(registry)
    records: list[Record] = []
    unknown: list[str] = []
    for path in paths:
        if path.parent not in sources:
            continue
        try:
            file = read_json(path)
            result = read_result(file, path, installed())
            score = _score(file, result, tasks, sources[path.parent], path)
        except DataError as error:
            left_out.append(error.line)
            continue
        records.append(to_record(sources[path.parent], score))
        if score.task["name"].startswith("mteb:"):
            unknown.append(result.task_name)
    kept, doubled = apart(records)
    return ImportedScores(
        records=tuple((record, ()) for record in kept),
        left_out=(*left_out, *doubled),
        unknown=tuple(unknown),
        earlier={one.checkpoint.fingerprint: one.earlier for one in sources.values()},
    )


class _Tasks:
    """The registry's tasks, and the means over tasks, by the name of the mteb task."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        by_source = [
            task
            for task in registry.tasks.values()
            if isinstance(task, OwnEmbeddingTask) and task.kind == "mteb" and task.source
        ]
        self._tasks = {str(task.source): task for task in by_source}
        self._tasks.update({str(t.source): t for t in by_source if t.name == t.source})
        # mteb's merged file of CQADupstack is called like the mean over its subsets.
        self._means = {m.name: m for s in registry.suites.values() for m in s.subtask_means}

    def find(self, name: str, path: Path) -> tuple[OwnEmbeddingTask | None, dict[str, Any]]:
        """A task, and its definition as plain data; ``None`` for a mean over tasks."""
        task = self._tasks.get(name)
        if task is None and (mean := self._means.get(name)):
            return None, {"name": name, "kind": "mteb", "category": mean.category}
        if task is None:
            task = self._unknown(name, path)
        return task, task.model_dump(mode="json", exclude_defaults=True)

    def _unknown(self, name: str, path: Path) -> OwnEmbeddingTask:
        try:
            task = self._registry.task(f"mteb:{name}")
        except UsageError as error:
            raise DataError(f"{path.name}: {plain(error.message, 120)}") from None
        assert isinstance(task, OwnEmbeddingTask)
        return task


def _result_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder", "give the folder with mteb's result files")
    found = [
        path
        for path in sorted(folder.rglob("*.json"))
        if path.name != META and _level(path, folder) <= DEEPEST
    ]
    if not found:
        raise DataError(f"no result file of mteb is in {folder}")
    return found


def _level(path: Path, folder: Path) -> int:
    """How deep a file lies below the folder, without the folders of an experiment."""
    inside = path.relative_to(folder).parts
    experiment = len(inside) >= 3 and inside[-3] == EXPERIMENTS
    return len(inside) - (2 if experiment else 0)


def _sources(
    paths: list[Path], revision: str | None, left_out: list[str]
) -> dict[Path, ImportedModel]:
    """Folder → the model of its files; a folder whose model cannot be read gets a line."""
    found: dict[Path, ImportedModel] = {}
    for folder in dict.fromkeys(path.parent for path in paths):
        try:
            found[folder] = _source(folder, revision)
        except DataError as error:
            left_out.append(error.line)
    return found


def _source(folder: Path, given: str | None) -> ImportedModel:
    """The model of a folder's files.

    Raises:
        DataError: If its ``model_meta.json`` cannot be read.
    """
    here = folder.absolute()
    meta = read_json(here / META).content if (here / META).exists() else {}
    traits: dict[str, Any] = {}
    of_model = here
    if here.parent.name == EXPERIMENTS:
        of_model = here.parents[1]
        traits = {"experiment": plain(here.name, 80)}
    named = next((f for f in (of_model, *of_model.parents[:2]) if "__" in f.name), None)
    if isinstance(model := meta.get("name"), str) and model:
        model, stated = plain(model, 200), meta.get("revision")
    elif named is not None:
        model = plain(named.name.replace("__", "/", 1), 200)
        stated = None if named == of_model else of_model.name
    else:
        model, stated = plain(of_model.name, 200), None
    revision = _revision(stated, given)
    earlier = frozenset({earlier_fingerprint(model, revision)})
    place = None
    if model == NO_MODEL or (named is None and "name" not in meta):
        place = str((named or of_model).parent if model == NO_MODEL else of_model)
        model = plain(Path(place).name, 200)
    return ImportedModel(
        model=model, revision=revision, traits=traits, place=place, earlier=earlier
    )


def _named(source: ImportedModel, name: str) -> ImportedModel:
    """The model under the name that a user gave it, which then alone distinguishes it."""
    return ImportedModel(
        model=name,
        revision=source.revision,
        earlier=frozenset({earlier_fingerprint(name, source.revision)}),
    )


def _revision(stated: object, given: str | None) -> str | None:
    known = isinstance(stated, str) and stated and stated not in NO_REVISION
    return plain(str(stated), 80) if known else given


def _score(
    file: JsonFile, result: MtebFile, tasks: _Tasks, source: ImportedModel, path: Path
) -> ImportedScore:
    where = f"{path.parent.name}/{path.name}"
    if result.task_name in SPEED:
        raise DataError(f"{where}: {result.task_name} measures speed", "it has no score")
    task, definition = tasks.find(result.task_name, path)
    facts = facts_of(result.task_name) if result.task_name in installed() else None
    parts = parts_of(result.scores, task, facts, where)
    metrics, leaderboard = mean_metrics(parts.rows, facts.metric if facts else None)
    undefined = not_a_number(parts.rows)
    if leaderboard is None and not undefined:
        raise DataError(f"{where} has no score that mteb has as a main metric")
    leaderboard = leaderboard or (facts.metric if facts else "main_score")
    main = _shown_metric(metrics, task.main_metric if task else None, leaderboard)
    value = None if undefined else metrics[main]
    if value is not None and not -1 <= value <= 1:
        raise DataError(f"{where}: {main} is {value:g}, not between -1 and 1")
    return ImportedScore(
        task=definition,
        world="embedding",
        origin=Origin(
            format="mteb",
            file=file.name,
            sha256=file.sha256,
            harness=f"mteb {word(result.mteb_version or NOT_STATED, 40)}",
            revision=source.revision,
        ),
        main_metric=main,
        value=value,
        estimator="other",  # the file has no samples
        metrics=metrics,
        direction=_direction(facts, main),
        unit_of=facts.metric if facts and main == "main_score" else None,
        stated=Stated(
            split=task.split if task else None,
            splits=parts.signed_splits,
            subsets=parts.signed_subsets,
        ),
        details=_details(result, parts, leaderboard),
        raw={"scores": parts.raw},
        warnings=_warnings(facts, parts),
    )


def _shown_metric(metrics: dict[str, float], wanted: str | None, leaderboard: str) -> str:
    """The metric of the task file where the rows have it, else mteb's own."""
    if wanted and wanted not in metrics and SAME.get(wanted) in metrics:
        metrics[wanted] = metrics[SAME[wanted]]
    return wanted if wanted in metrics else leaderboard


def _direction(facts: TaskFacts | None, metric: str) -> Direction | None:
    """Which values of mteb's main metric are better."""
    if (
        facts is None
        or facts.higher_is_better is None
        or metric not in (facts.metric, "main_score")
    ):
        return None
    return "higher" if facts.higher_is_better else "lower"


def _details(result: MtebFile, parts: Parts, leaderboard: str) -> dict[str, Any]:
    splits = list(dict.fromkeys(parts.splits))
    details: dict[str, Any] = {
        LEADERBOARD_METRIC: leaderboard,
        "dataset_revision": result.dataset_revision,
        "split": "+".join(splits),
    }
    if len(splits) > 1:
        details["splits"] = splits
    if parts.of is not None and len(parts.rows) < parts.of:
        details["parts"] = {"scored": len(parts.rows), "of": parts.of}
    return details


def _warnings(facts: TaskFacts | None, parts: Parts) -> tuple[str, ...]:
    clusters = CLUSTERS if facts is not None and facts.type == "Clustering" else ""
    return tuple(warning for warning in (parts.warning, clusters) if warning)
