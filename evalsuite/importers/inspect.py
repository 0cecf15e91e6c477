"""Logs of inspect: ``.eval`` files, packed with deflate or Zstandard."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError
from evalsuite.files import sha256
from evalsuite.importers.archive import Archive, opened
from evalsuite.importers.files import finite, object_of
from evalsuite.importers.foreign import (
    Found,
    estimator_of,
    exported,
    files_below,
    from_export,
    read_each,
    row,
    task_named,
)
from evalsuite.importers.identity import ImportedModel
from evalsuite.importers.records import (
    NOT_STATED,
    ImportedScore,
    ImportedScores,
    Samples,
    Stated,
)
from evalsuite.schema import Origin
from evalsuite.text import plain, word

VERSION: Final = 2
"""Of the layout of logs."""
GRADES: Final = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
"""Values of scores that stand for numbers: correct, partial, incorrect, no answer."""
WORDS: Final = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
ATTACHED: Final = "attachment://"
ERRORS: Final = ("stderr", "std", "var", "bootstrap_stderr")
"""Metrics that say how certain another one is."""


def read_inspect(
    path: Path, *, name: str | None = None, revision: str | None = None
) -> ImportedScores:
    """Read one log of inspect, or all of a folder.

    The score is the log's headline metric, else the first metric of its first scorer. Logs of runs
    that did not end well are left out, with a line.

    Args:
        path: A file ``.eval``, or a folder with some.
        name: What to call the model instead.
        revision: The model's revision; logs state none.

    Raises:
        DataError: If no log can be read.
    """
    paths = files_below(path, "*.eval", "inspect")
    return read_each(paths, lambda file: [_read(file, name, revision)])


def _read(path: Path, name: str | None, revision: str | None) -> Found:
    with opened(path) as archive:
        header = _header(path, archive)
        spec, results = object_of(header, "eval"), object_of(header, "results")
        ours = object_of(object_of(spec, "metadata"), "evalsuite")
        record = exported(ours.get("record"))
        origin = Origin(
            format="inspect",
            file=path.name,
            sha256=sha256(path),
            harness=_harness(spec),
            revision=revision,
        )
        scorer, metric = _main(path, spec, results)
        metrics = _metrics(results)
        value = finite(object_of(object_of(scorer, "metrics"), metric).get("value"))
        key = str(scorer.get("name"))
        if record is not None:
            samples = _exported_samples(archive, key, ours.get("columns"))
            score = from_export(record, value, origin, samples)
        else:
            samples = _samples(archive, key)
            score = _score(spec, scorer, metric, value, metrics, origin, samples)
    model = plain(str(spec.get("model") or ""), 200) or "unnamed"
    return ImportedModel(model=name or model, revision=revision), score


def _header(path: Path, archive: Archive) -> Mapping[str, Any]:
    if "header.json" not in archive.names:
        begun = "_journal/start.json" in archive.names
        what = "is of a run that did not end" if begun else "is not a log of inspect"
        raise DataError(f"{path.name} {what}: header.json is missing", "give a finished log")
    header = archive.json("header.json")
    if not isinstance(header, dict) or "eval" not in header:
        raise DataError(f"{path.name} is not a log of inspect: no key eval in header.json")
    version = header.get("version", VERSION)
    if version != VERSION:
        raise DataError(
            f"{path.name} has version {plain(str(version), 20)} of inspect's log layout, and "
            f"version {VERSION} can be read",
            "rewrite it with: inspect log convert",
        )
    if (status := header.get("status")) != "success":
        raise DataError(f"{path.name} is of a run with status {plain(str(status), 20)!r}")
    return header


def _harness(spec: Mapping[str, Any]) -> str:
    packages = object_of(spec, "packages")
    for package in ("inspect_ai", "evalsuite"):
        if isinstance(packages.get(package), str):
            return f"{package.removesuffix('_ai')} {word(packages[package], 40)}"
    return f"inspect {NOT_STATED}"


def _main(
    path: Path, spec: Mapping[str, Any], results: Mapping[str, Any]
) -> tuple[dict[str, Any], str]:
    """The scorer that counts, and the name of its metric."""
    listed = results.get("scores")
    scorers = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    scorers = [one for one in scorers if object_of(one, "metrics")]
    if not scorers:
        raise DataError(f"{path.name} has no score")
    wanted = object_of(results, "headline") or object_of(spec, "headline_metric")
    names = (wanted.get("score"), wanted.get("scorer"))
    scorer = next((one for one in scorers if one.get("name") in names), scorers[0])
    metrics = object_of(scorer, "metrics")
    if wanted.get("metric") in metrics:
        return scorer, str(wanted["metric"])
    return scorer, next((name for name in metrics if name not in ERRORS), next(iter(metrics)))


def _metrics(results: Mapping[str, Any]) -> dict[str, float]:
    """Finite metrics; with the scorer's name before them where there are several scorers."""
    scorers = [one for one in results["scores"] if isinstance(one, dict)]
    return {
        f"{plain(str(one.get('name')), 60)}/{name}" if len(scorers) > 1 else name: number
        for one in scorers
        for name, metric in object_of(one, "metrics").items()
        if isinstance(metric, dict) and (number := finite(metric.get("value"))) is not None
    }


def _score(
    spec: Mapping[str, Any],
    scorer: Mapping[str, Any],
    metric: str,
    value: float | None,
    metrics: Mapping[str, float],
    origin: Origin,
    samples: Samples,
) -> ImportedScore:
    config = object_of(spec, "config")
    limit = finite(config.get("limit"))
    dataset = object_of(spec, "dataset")
    size = finite(scorer.get("scored_samples")) or finite(dataset.get("samples"))
    stderr = finite(object_of(object_of(scorer, "metrics"), "stderr").get("value"))
    return ImportedScore(
        task=task_named("inspect", str(spec.get("task"))),
        world="generative",
        origin=origin,
        main_metric=plain(metric, 60),
        value=value,
        estimator=estimator_of(value, samples),
        metrics=metrics,
        stderr=stderr,
        n=len(samples) or (int(size) if size else None),
        stated=Stated(
            limit=limit if limit and limit > 0 else None,
            definition=f"version {word(str(spec.get('task_version', 0)), 20)}",
        ),
        details={"scorer": plain(str(scorer.get("scorer") or scorer.get("name")), 80)},
        raw={"scores": dict(scorer)},
        samples=samples,
    )


def _members(archive: Archive) -> list[dict[str, Any]]:
    names = [name for name in archive.names if name.startswith("samples/")]
    found = (archive.json(name) for name in names if name.endswith(".json"))
    return [sample for sample in found if isinstance(sample, dict) and "id" in sample]


def _samples(archive: Archive, scorer: str) -> Samples:
    samples = _members(archive)
    several = any(sample.get("epoch", 1) != 1 for sample in samples)
    return tuple(_row(sample, scorer, several=several) for sample in samples)


def _row(sample: Mapping[str, Any], scorer: str, *, several: bool) -> dict[str, Any]:
    score, texts = object_of(object_of(sample, "scores"), scorer), _Texts(sample)
    name = str(sample["id"])
    answer = score.get("answer")
    return row(
        f"{name}/{sample.get('epoch')}" if several else name,
        number_of(score.get("value")),
        prompt=texts.of(sample.get("input")),
        target=texts.of(sample.get("target")),
        response=texts.answer,
        extracted=texts.of(answer) if answer is not None else "",
        parsed=score.get("value") != "N",
        group=name if several else "",
    )


def _exported_samples(archive: Archive, scorer: str, columns: Any) -> Samples:
    """Samples as evalsuite has exported them: its own columns again."""
    if not isinstance(columns, list):
        return ()
    rows = []
    for sample in _members(archive):
        score, texts = object_of(object_of(sample, "scores"), scorer), _Texts(sample)
        placed = {
            "prompt": texts.of(sample.get("input")),
            "target": texts.of(sample.get("target")),
            "response": texts.answer,
            "extracted": score.get("answer") or "",
            "score": finite(score.get("value")),
        }
        known = placed | object_of(sample, "metadata")
        rows.append({str(column): known.get(str(column)) for column in columns})
    return tuple(rows)


class _Texts:
    """The texts of a sample, of which long ones stand beside it."""

    def __init__(self, sample: Mapping[str, Any]) -> None:
        self._attached = object_of(sample, "attachments")
        output = object_of(sample, "output")
        choices = output.get("choices")
        first = choices[0] if isinstance(choices, list) and choices else {}
        message = object_of(first, "message").get("content")
        self.answer = self.of(message if message is not None else output.get("completion"))

    def of(self, value: Any) -> str:
        """A text, the texts of a list, or the last thing said in a conversation."""
        if isinstance(value, str):
            if value.startswith(ATTACHED):
                return str(self._attached.get(value.removeprefix(ATTACHED), value))
            return value
        if isinstance(value, dict):
            return self.of(value.get("text", value.get("content")))
        if isinstance(value, list):
            return "\n".join(self.of(item) for item in value)
        return "" if value is None else str(value)


def number_of(value: Any) -> float | None:
    """A score's value as inspect counts it; ``None`` for lists, objects and other words."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        if value in GRADES:
            return GRADES[value]
        if value.lower() in WORDS:
            return WORDS[value.lower()]
        try:
            return finite(float(value))
        except ValueError:
            return None
    return finite(value)
