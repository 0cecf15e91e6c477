"""What a shell offers after Tab: names of tasks, suites, checkpoints and baselines.

Names are read from the files without checking them, so that an answer takes no longer than the
start of the command line.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

import typer

from evalsuite.paths import shipped_tasks

VARIABLE: Final = "_EVALSUITE_COMPLETE"
"""Set by the shell's script while it asks what may come next."""
_NAME: Final = re.compile(r"^(?:\s*- )?\{?name: *['\"]?([^\s'\"#,}]+)", re.MULTILINE)
_APART: Final = {"suites", "instructions", "lm_eval", "policies", "judges"}
"""Folders of a tasks folder that hold no task files of evalsuite's."""


def asked_words() -> list[str] | None:
    """The words of the command line that is to be completed; ``None`` if none is."""
    if VARIABLE not in os.environ:
        return None
    line = os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS", "")
    try:
        return shlex.split(line)[1:]
    except ValueError:  # an open quote
        return line.split()[1:]


def task_names(folders: Iterable[Path] = ()) -> list[str]:
    """Names of all tasks in the shipped folder and in further ones."""
    files = _files(folders)
    return [name for path, parts in files if not _APART & parts for name in _in(path)]


def suite_names(folders: Iterable[Path] = ()) -> list[str]:
    """Names of all suites in the shipped folder and in further ones."""
    files = _files(folders)
    return [name for path, parts in files if "suites" in parts for name in _in(path)[:1]]


def checkpoint_names(store: Path) -> list[str]:
    """Names of the checkpoints that a store has records of."""
    import json

    found: dict[str, None] = {}
    for folder in sorted(store.glob("*/")):
        for path in sorted(folder.glob("*.json"))[:1]:
            try:
                name = json.loads(path.read_bytes())["checkpoint"]["name"]
            except (OSError, ValueError, LookupError, TypeError):
                continue
            found[str(name)] = None
    return list(found)


def _files(folders: Iterable[Path]) -> list[tuple[Path, set[str]]]:
    """YAML files below tasks folders, each with the names of the folders that lead to it."""
    return [
        (path, {*path.relative_to(root).parts[:-1]})
        for root in (shipped_tasks(), *folders)
        for path in sorted(root.rglob("*.y*ml"))
    ]


def _in(path: Path) -> list[str]:
    try:
        return _NAME.findall(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


def _own_folders(ctx: typer.Context) -> list[Path]:
    return [Path(one) for one in ctx.params.get("tasks_dir") or ctx.params.get("tasks_dirs") or ()]


def _offered(names: Callable[[typer.Context], Iterable[str]]) -> Callable[..., list[str]]:
    """A completion in typer's form; what goes wrong offers nothing."""

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        done, comma, last = incomplete.rpartition(",")
        try:
            return [f"{done}{comma}{name}" for name in names(ctx) if name.startswith(last)]
        except Exception:  # noqa: BLE001 - an error would be printed into the person's prompt
            return []

    return complete


def _stored(ctx: typer.Context) -> list[str]:
    given: Any = ctx.params.get("out") or ctx.params.get("results") or "results"
    return checkpoint_names(Path(given))


def _sources(ctx: typer.Context) -> list[str]:
    from evalsuite.project.file import find_project

    del ctx
    project = find_project()
    lists = project.project.checkpoints if project else ()
    return ["demo:minilm", "demo:smollm2", *(f"@{name}" for name in lists)]


def _baselines(ctx: typer.Context) -> list[str]:
    folder = Path(ctx.params.get("baselines") or "baselines")
    return [path.parent.name for path in sorted(folder.glob("*/baseline.json"))]


complete_tasks = _offered(lambda ctx: task_names(_own_folders(ctx)))
complete_suites = _offered(lambda ctx: suite_names(_own_folders(ctx)))
complete_stored = _offered(_stored)
complete_sources = _offered(_sources)
complete_baselines = _offered(_baselines)
complete_names = _offered(
    lambda ctx: [*task_names(_own_folders(ctx)), *suite_names(_own_folders(ctx))]
)

BY_FLAG: Final[dict[str, Callable[..., list[str]]]] = {
    "--suite": complete_suites,
    "--tasks": complete_tasks,
    "--ckpt": complete_sources,
    "--baseline": complete_baselines,
}
"""Completions of the options that are declared as fields of models."""
