"""What ``evalsuite tasks list``, ``show`` and ``validate`` print."""

from __future__ import annotations

import fnmatch
import re
import textwrap
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any, Literal

import yaml

from evalsuite.data import read_rows
from evalsuite.documents.stored import SuiteEntry, TaskDocument, TaskEntry, TasksDocument
from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.table import KINDS, kind_of
from evalsuite.kinds.task import Task
from evalsuite.paths import shipped_tasks
from evalsuite.registry.load import Registry

What = Literal["task", "suite", "instructions"]
"""What a name of the registry may stand for."""


def overview(registry: Registry, words: Sequence[str] = ()) -> str:
    """All suites and tasks, one line each, those beside task files in tasks folders included.

    Args:
        registry: What there is.
        words: Only what has all of these, as :func:`overview_document` says.

    Raises:
        UsageError: If a file beside the task files is not valid, or nothing has the words.
    """
    found = overview_document(registry, words)
    names = (*(one.name for one in found.suites), *(one.name for one in found.tasks), *found.beside)
    width = max(map(len, names), default=0)
    suites = [
        f"  {one.name:<{width}}  {len(one.tasks):>3} tasks  {one.description}".rstrip()
        for one in found.suites
    ]
    tasks = [
        f"  {one.name:<{width}}  {f'{one.kind} {one.about}':<28}  {one.description}".rstrip()
        for one in found.tasks
    ]
    tasks += [
        f"  {name:<{width}}  a file of the harness's own format in {folder}"
        for folder in registry.folders
        for name in _beside(folder)
        if name in found.beside
    ]
    parts = [("Suites", suites), ("Tasks", tasks)]
    for kind in KINDS:
        own = [one for one in found.harness_suites if one.startswith(f"{kind}:")]
        bare = [one.removeprefix(f"{kind}:") for one in own]
        parts.append((f"Suites of {kind} (--suite '{kind}:NAME')", _wrapped(bare)))
    sets = found.instruction_sets
    parts.append(("Instruction sets", [f"  {', '.join(sets)}"] if sets else []))
    texts = ["\n".join([title, *lines]) for title, lines in parts if lines]
    if not words:
        texts.append(
            "Any other task of the two harnesses goes by mteb:NAME or lm_eval:NAME, for example\n"
            "mteb:NFCorpus or lm_eval:arc_easy."
        )
    return "\n\n".join(texts)


def _wrapped(names: Sequence[str]) -> list[str]:
    """Names in lines, none of them broken."""
    whole = "; ".join(name.replace(" ", "\xa0") for name in names)
    lines = textwrap.wrap(whole, 96, break_long_words=False, break_on_hyphens=False)
    return [f"  {line}".replace("\xa0", " ") for line in lines]


def _beside(folder: Path) -> list[str]:
    """Tasks in a harness's own format in a tasks folder."""
    return [name for kind in KINDS.values() for name in kind.check_folder(folder)]


def overview_document(registry: Registry, words: Sequence[str] = ()) -> TasksDocument:
    """What :func:`overview` says, for programs.

    Args:
        registry: What there is.
        words: Only what has all of these: in its name, at the beginning of a word of its kind,
            category or description, or as patterns of its name. Case does not count.

    Raises:
        UsageError: If a file beside the task files is not valid, or nothing has the words.
    """

    def fits(name: str, *more: str | None) -> bool:
        texts = " ".join(filter(None, more)).lower()
        return all(
            fnmatch.fnmatchcase(name.lower(), word)
            or word in name.lower()
            or re.search(rf"\b{re.escape(word)}", texts)
            for word in map(str.lower, words)
        )

    found = TasksDocument(
        suites=[
            SuiteEntry(name=one.name, tasks=list(one.tasks), description=one.description)
            for one in registry.suites.values()
            if fits(one.name, one.description)
        ],
        tasks=[
            TaskEntry(
                name=one.name,
                kind=one.kind,
                about=one.about,
                category=one.category,
                description=one.description,
            )
            for one in registry.tasks.values()
            if fits(one.name, one.kind, one.about, one.category, one.description)
        ],
        beside=[name for folder in registry.folders for name in _beside(folder) if fits(name)],
        harness_suites=[
            suite
            for kind in KINDS.values()
            for name in kind.suite_names()
            if fits(suite := f"{kind.name}:{name}")
        ],
        instruction_sets=[name for name in registry.instruction_sets if fits(name)],
    )
    if not any(part for name, part in found if name != "document" and isinstance(part, list)):
        raise UsageError(
            f"nothing has {' and '.join(map(repr, words))} in its name, kind, category or "
            "description",
            "see: evalsuite tasks list",
        )
    return found


def task_document(registry: Registry, name: str, data: Path | None = None) -> TaskDocument:
    """What :func:`show` says, for programs; arguments and errors as there."""
    word, file = _found(registry, name)
    if word == "task":
        task = registry.task(name)
        definition = task.model_dump(mode="json", exclude_defaults=True, exclude={"folder"})
        facts = _facts(task, data)
    else:
        one = registry.suite(name) if word == "suite" else registry.instruction_sets[name]
        definition, facts = one.model_dump(mode="json", exclude_defaults=True), {}
    where = str(file) if file else None
    return TaskDocument(what=word, name=name, file=where, definition=definition, facts=facts)


def _found(registry: Registry, name: str) -> tuple[What, Path | None]:
    """What a name stands for, and the file that says so; without one, a harness's own task.

    Raises:
        UsageError: If nothing has that name.
    """
    known: dict[What, Container[str]] = {
        "task": registry.tasks,
        "suite": registry.suites,
        "instructions": registry.instruction_sets,
    }
    for word, names in known.items():
        if name in names:
            return word, registry.files[f"{word} {name}"]
    if ":" in name:
        return ("suite" if registry.is_suite(name) else "task"), None
    known_names = [*registry.tasks, *registry.suites, *registry.instruction_sets]
    raise UsageError(f"nothing is called {name!r}", did_you_mean(name, known_names))


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
    found = task_document(registry, name, data)
    file = found.file
    if file:
        head = f"{found.what} in {file}"
    elif found.what == "suite":
        head = "suite of the harness"
    else:
        head = f"{registry.task(name).kind} task without a file"
    text = f"# {head}\n{_yaml(found.definition)}"
    if not found.facts:
        return text
    source = registry.task(name).source
    about = f"what the harness says of {source}:" if source else "what its files hold:"
    return text + "".join(f"\n# {line}" for line in (about, *_yaml(found.facts).splitlines()))


def _facts(task: Task, data: Path | None) -> dict[str, Any]:
    """What the harness says of a task, or what its own files hold."""
    if task.source:
        return kind_of(task).facts(task, data)
    files = task.tables.items()
    return {"rows": {role: len(read_rows(path)) for role, path in files}}


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
