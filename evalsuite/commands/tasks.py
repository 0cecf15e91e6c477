"""What ``evalsuite tasks list``, ``show`` and ``validate`` print."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from evalsuite.data import read_rows
from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.table import KINDS, kind_of
from evalsuite.kinds.task import Task
from evalsuite.paths import shipped_tasks
from evalsuite.registry.load import Registry


def overview(registry: Registry) -> str:
    """All suites and tasks, one line each, those beside task files in tasks folders included.

    Raises:
        UsageError: If a file beside the task files is not valid.
    """
    lines = ["Suites"]
    width = max(map(len, (*registry.suites, *registry.tasks)), default=0)
    lines += [
        f"  {suite.name:<{width}}  {len(suite.tasks):>3} tasks  {suite.description}".rstrip()
        for suite in registry.suites.values()
    ]
    lines += ["", "Tasks"]
    lines += [
        f"  {task.name:<{width}}  {f'{task.kind} {task.about}':<28}  {task.description}".rstrip()
        for task in registry.tasks.values()
    ]
    lines += [
        f"  {name:<{width}}  a file of the harness's own format in {folder}"
        for folder in registry.folders
        for kind in KINDS.values()
        for name in kind.check_folder(folder)
    ]
    for kind in KINDS.values():
        if own := kind.suite_names():
            lines += ["", f"Suites of {kind.name} (--suite '{kind.name}:NAME')", *_wrapped(own)]
    lines += [
        "",
        "Instruction sets",
        f"  {', '.join(registry.instruction_sets)}",
        "",
        "Any other task of the two harnesses goes by mteb:NAME or lm_eval:NAME, for example",
        "mteb:NFCorpus or lm_eval:arc_easy.",
    ]
    return "\n".join(lines)


def _wrapped(names: Sequence[str]) -> list[str]:
    """Names in lines, none of them broken."""
    whole = "; ".join(name.replace(" ", "\xa0") for name in names)
    lines = textwrap.wrap(whole, 96, break_long_words=False, break_on_hyphens=False)
    return [f"  {line}".replace("\xa0", " ") for line in lines]


def show(registry: Registry, name: str, data: Path | None = None) -> str:
    """A task, suite or instruction set as YAML, with the file it stands in.

    What the harness says of a task follows as comments: data set, splits, subsets, main metric and
    its direction, number of samples.

    Args:
        registry: Where tasks are looked up.
        name: Of a task, suite or instruction set.
        data: Folder of local data sets, to count samples of which the harness does not say how
            many there are.

    Raises:
        UsageError: If neither the registry nor the harness has that name.
        DataError: If a file of a task on own data cannot be read.
    """
    for word, known in (
        ("task", registry.tasks),
        ("suite", registry.suites),
        ("instructions", registry.instruction_sets),
    ):
        if name in known:
            plain = known[name].model_dump(mode="json", exclude_defaults=True)
            text = f"# {word} in {registry.files[f'{word} {name}']}\n{_yaml(plain)}"
            return text + (_facts(registry.task(name), data) if word == "task" else "")
    if ":" in name and registry.is_suite(name):
        plain = registry.suite(name).model_dump(mode="json", exclude_defaults=True)
        return f"# suite of the harness\n{_yaml(plain)}"
    if ":" in name:
        task = registry.task(name)
        text = _yaml(task.model_dump(mode="json", exclude_defaults=True, exclude={"folder"}))
        return f"# {task.kind} task without a file\n{text}{_facts(task, data)}"
    known_names = [*registry.tasks, *registry.suites, *registry.instruction_sets]
    raise UsageError(f"nothing is called {name!r}", did_you_mean(name, known_names))


def _facts(task: Task, data: Path | None) -> str:
    """What the harness says of a task, or what its own files hold, as comments below its YAML."""
    if task.source:
        facts, about = kind_of(task).facts(task, data), f"what the harness says of {task.source}:"
    else:
        files = (task.data or {}).items()
        facts = {"rows": {role: len(read_rows(path)) for role, path in files}}
        about = "what its files hold:"
    if not facts:
        return ""
    return "".join(f"\n# {line}" for line in (about, *_yaml(facts).splitlines()))


def _yaml(plain: dict[str, Any]) -> str:
    return yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=100).rstrip()


def validate(folder: Path | None) -> str:
    """Check the task, suite and instruction files of a folder, and the data files of its tasks.

    Args:
        folder: The folder; ``None`` for the built-in one.

    Returns:
        What was checked, in one line.

    Raises:
        UsageError: For the first task, suite or instruction file that is not valid.
        DataError: For the first data file that is missing or malformed.
    """
    registry = Registry.load([] if folder is None else [folder])
    inside = (folder or shipped_tasks()).resolve()
    files = {key: path for key, path in registry.files.items() if _within(path, inside)}
    tasks = [task for task in registry.tasks.values() if f"task {task.name}" in files]
    rows = sum(kind_of(task).check_data(task) for task in tasks)
    own = sum(len(kind.check_folder(folder)) for kind in KINDS.values()) if folder else 0
    suites = sum(key.startswith("suite ") for key in files)
    sets = sum(key.startswith("instructions ") for key in files)
    counts = (
        (len(tasks) + own, "task"),
        (suites, "suite"),
        (sets, "instruction set"),
        (rows, "row"),
    )
    return f"{inside}: " + ", ".join(f"{n:,} {word}{'' if n == 1 else 's'}" for n, word in counts)


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder)
