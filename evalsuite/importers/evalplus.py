"""Results of evalplus: ``…_eval_results.json``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, Field

from evalsuite.importers.files import JsonFile, read_json, validated
from evalsuite.importers.foreign import (
    Found,
    files_below,
    mean_of,
    read_each,
    row,
    task_named,
)
from evalsuite.importers.identity import ImportedModel
from evalsuite.importers.records import NOT_STATED, ImportedScore, ImportedScores
from evalsuite.schema import Origin
from evalsuite.text import plain

END: Final = "_eval_results"
PASSED: Final = "pass"
METRIC: Final = "pass@1"


class _Program(BaseModel):
    """A program that a model wrote."""

    solution: str = ""
    base_status: str
    plus_status: str | None = None


class _File(BaseModel):
    """What is read of a file."""

    eval: dict[str, list[_Program]] = Field(min_length=1)
    hash: str | None = None


def read_evalplus(
    path: Path, *, name: str | None = None, revision: str | None = None
) -> ImportedScores:
    """Read one result file of evalplus, or all of a folder.

    A file gives two scores: on the original tests (``humaneval``), and on these and evalplus's
    (``humaneval+``). ``pass@1`` is the mean over the problems of the share of programs that pass.

    Args:
        path: A file ``…_eval_results.json``, or a folder with some.
        name: What to call the model; else the name of the file, with ``--`` for ``/``.
        revision: The model's revision; files state none.

    Raises:
        DataError: If no file can be read.
    """
    paths = files_below(path, f"*{END}.json", "evalplus")
    return read_each(paths, lambda file: _read(file, name, revision))


def _read(path: Path, name: str | None, revision: str | None) -> Iterator[Found]:
    file = read_json(path)
    found = validated(_File, file.content, file.name, "evalplus", f"give a file …{END}.json")
    stem = path.stem.removesuffix(END).replace("--", "/", 1)
    source = ImportedModel(model=name or plain(stem, 200) or "unnamed", revision=revision)
    prefix = plain(next(iter(found.eval)).partition("/")[0].lower(), 40)
    yield source, _score(file, found, prefix, revision, plus=False)
    programs = [program for several in found.eval.values() for program in several]
    if all(program.plus_status is not None for program in programs):
        yield source, _score(file, found, f"{prefix}+", revision, plus=True)


def _score(
    file: JsonFile, found: _File, task: str, revision: str | None, *, plus: bool
) -> ImportedScore:
    samples = tuple(
        _row(problem, programs, plus=plus) for problem, programs in found.eval.items() if programs
    )
    value = mean_of(samples)
    stated = file.content.get("pass_at_k")
    part = stated.get("plus" if plus else "base") if isinstance(stated, Mapping) else None
    raw: dict[str, Any] = {"pass_at_k": part, "hash": found.hash}
    return ImportedScore(
        task=task_named("evalplus", task),
        world="generative",
        origin=Origin(
            format="evalplus",
            file=file.name,
            sha256=file.sha256,
            harness=f"evalplus {NOT_STATED}",
            revision=revision,
        ),
        main_metric=METRIC,
        value=value,
        estimator="mean",
        metrics={} if value is None else {METRIC: value},
        n=len(samples),
        details={"programs": max(len(programs) for programs in found.eval.values())},
        raw=raw,
        samples=samples,
    )


def _row(problem: str, programs: list[_Program], *, plus: bool) -> dict[str, Any]:
    passed = sum(
        one.base_status == PASSED and (not plus or one.plus_status == PASSED) for one in programs
    )
    return row(problem, passed / len(programs), response=programs[0].solution)
