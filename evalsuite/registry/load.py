"""The registry: all tasks, suites and instruction sets that are known by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.shared.instruction_sets import InstructionSet, InstructionSets
from evalsuite.kinds.table import KINDS, harness_task, kind_named, kind_of
from evalsuite.kinds.task import Task
from evalsuite.paths import shipped_tasks
from evalsuite.registry.data_paths import data_paths
from evalsuite.registry.misplaced import refuse_misplaced
from evalsuite.registry.suites import Suite
from evalsuite.yaml_file import YamlFile


class Registry:
    """Tasks, suites and instruction sets, each with the file it came from.

    A folder holds task files anywhere, suites under ``suites/``, instruction sets under
    ``instructions/``, policies of checks under ``policies/`` and task files in lm-eval's own
    format under ``lm_eval/`` (read by their kinds, both). A task file is one task, or ``tasks:``
    with a list of them and ``defaults:`` for what they share.
    """

    def __init__(self) -> None:
        self.tasks: dict[str, Task] = {}
        self.suites: dict[str, Suite] = {}
        self.instruction_sets = InstructionSets()
        self.files: dict[str, Path] = {}
        self.folders: list[Path] = []
        """A person's own ones."""
        self._suite_files: dict[str, YamlFile] = {}

    @classmethod
    def load(cls, folders: Iterable[Path] = ()) -> Registry:
        """Read the shipped folder, then a person's own ones.

        Args:
            folders: Further folders; a name that is already taken is refused.

        Raises:
            UsageError: For the first file that is not valid.
        """
        registry = cls()
        registry.add_folder(shipped_tasks())
        for folder in folders:
            registry.add_folder(folder)
            registry.folders.append(folder)
        registry.check_suites()
        return registry

    def add_folder(self, folder: Path) -> None:
        """Read all ``*.yaml`` and ``*.yml`` files under a folder."""
        if not folder.is_dir():
            raise UsageError(f"{folder} is not a folder", "give the folder that holds the YAML")
        for path in sorted(p for p in folder.rglob("*.y*ml") if p.suffix in (".yaml", ".yml")):
            parents = path.relative_to(folder).parts[:-1]
            if not {"lm_eval", "judges", "policies"}.isdisjoint(parents):
                continue
            if "suites" in parents:
                self._add_suite(YamlFile(path))
            elif "instructions" in parents:
                self._add_instructions(YamlFile(path))
            else:
                self._add_tasks(YamlFile(path), folder)

    def check_suites(self) -> None:
        """Check that the suites name tasks that exist, and columns that can be filled."""
        for suite in self.suites.values():
            file = self._suite_files[suite.name]
            inside = {*suite.tasks, *(mean.name for mean in suite.subtask_means)}
            for index, name in enumerate(suite.tasks):
                try:
                    self.task(name)
                except UsageError as error:
                    where = f"{file.path}:{file.line(('tasks', index))}"
                    raise UsageError(f"{where}: {error.message}", error.hint) from None
            for m, mean in enumerate(suite.subtask_means):
                line = file.line(("subtask_means", m, "mean_of"))
                where = f"{file.path}:{line}: {mean.name!r}"
                _check_inside(where, mean.mean_of, set(suite.tasks))
            for s, section in enumerate(suite.sections):
                for c, column in enumerate(section.columns):
                    line = file.line(("sections", s, "columns", c, "tasks"))
                    where = f"{file.path}:{line}: column {column.label!r}"
                    _check_inside(where, column.named, inside)

    def task(self, name: str) -> Task:
        """Find a task by name, or make one for ``mteb:NAME`` and ``lm_eval:NAME``.

        Raises:
            UsageError: If there is none; names the nearest ones.
        """
        found = harness_task(name) or self.tasks.get(name)
        if found is not None:
            return self._placed(found)
        hint = did_you_mean(name, self.tasks)
        if name in self.suites:
            hint = f"it is a suite: use --suite {name}"
        raise UsageError(f"no task is called {name!r}", hint)

    def _placed(self, task: Task) -> Task:
        """A task with what the tasks folders hold for it beside task files."""
        return kind_of(task).placed(task, self.folders)

    def ships(self, task: Task) -> bool:
        """Whether a task is of evalsuite's own files: its tests have looked up what they name."""
        return self.shipped("task", task.name)

    def shipped(self, word: str, name: str) -> bool:
        """Whether a ``task``, ``suite`` or set of ``instructions`` is of evalsuite's own files."""
        file = self.files.get(f"{word} {name}")
        return file is not None and file.is_relative_to(shipped_tasks())

    def suite(self, name: str) -> Suite:
        """Find a suite by name; ``mteb:NAME`` is a benchmark of mteb.

        Raises:
            UsageError: If there is none; names the nearest ones.
        """
        if name in self.suites:
            return self.suites[name]
        if ":" in name:
            return self._of_harness(name)
        hint = did_you_mean(name, self.suites)
        if name in self.tasks:
            hint = f"it is a task: use --tasks {name}"
        raise UsageError(f"no suite is called {name!r}", hint)

    def _of_harness(self, name: str) -> Suite:
        """The suite that ``KIND:NAME`` names."""
        kind, _, own = name.partition(":")
        shipped = [task for task in self.tasks.values() if self.ships(task)]
        plain = kind_named(kind).suite(own, shipped)
        if plain is None:
            raise UsageError(
                f"{kind} has no suites of its own", f"name a task or a group: --tasks {name}"
            )
        return Suite.model_validate(plain)

    def is_suite(self, name: str) -> bool:
        """Whether :meth:`suite` finds a name, rather than :meth:`task`."""
        kind, _, own = name.partition(":")
        return name in self.suites or (kind in KINDS and KINDS[kind].has_suite(own))

    def suite_tasks(self, suite: Suite) -> list[Task]:
        """The tasks of a suite, in its order."""
        return [self.task(name) for name in suite.tasks]

    def instructions(self, name: str) -> InstructionSet:
        """Find an instruction set by name, or read it from a YAML file.

        Raises:
            UsageError: If there is neither.
        """
        return self.instruction_sets.find(name)

    def _add_tasks(self, file: YamlFile, folder: Path) -> None:
        raw = file.mapping("a task")
        refuse_misplaced(file, raw, "task")
        if "tasks" not in raw:
            self._add_task(file, raw, (), folder)
            return
        if unknown := set(raw) - {"tasks", "defaults"}:
            key = min(unknown)
            raise UsageError(
                f"{file.path}:{file.line((key,))}: {key}: is not a known key beside 'tasks'",
                "put what the tasks share under 'defaults'",
            )
        defaults = raw.get("defaults") or {}
        members = raw["tasks"]
        if not isinstance(defaults, dict) or not isinstance(members, list):
            raise UsageError(f"{file.path}:1: 'defaults' is a mapping and 'tasks' a list")
        for index, member in enumerate(members):
            if not isinstance(member, dict):
                where = f"{file.path}:{file.line(('tasks', index))}"
                raise UsageError(f"{where}: expected a mapping that describes a task")
            self._add_task(file, {**defaults, **member}, ("tasks", index), folder)

    def _add_task(
        self, file: YamlFile, raw: dict[str, Any], at: Sequence[str | int], folder: Path
    ) -> None:
        if "folder" in raw:
            raise UsageError(
                f"{file.path}:{file.line((*at, 'folder'))}: folder: is not a known key"
            )
        task = file.validate(_model_of(file, raw, at), raw, at)
        if task.data is not None:
            task = task.model_copy(update={"data": data_paths(file, task.data, at, folder)})
        self._claim(f"task {task.name}", file, at)
        self.tasks[task.name] = task

    def _add_suite(self, file: YamlFile) -> None:
        raw = file.mapping("a suite")
        refuse_misplaced(file, raw, "suite")
        suite = file.validate(Suite, raw)
        self._claim(f"suite {suite.name}", file)
        self.suites[suite.name] = suite
        self._suite_files[suite.name] = file

    def _add_instructions(self, file: YamlFile) -> None:
        raw = file.mapping("an instruction set")
        refuse_misplaced(file, raw, "instruction set")
        instructions = file.validate(InstructionSet, raw)
        self._claim(f"instructions {instructions.name}", file)
        self.instruction_sets[instructions.name] = instructions

    def _claim(self, key: str, file: YamlFile, at: Sequence[str | int] = ()) -> None:
        if key in self.files:
            where = f"{file.path}:{file.line((*at, 'name'))}"
            raise UsageError(f"{where}: {key!r} is already defined in {self.files[key]}")
        self.files[key] = file.path


def _check_inside(where: str, names: Iterable[str], inside: set[str]) -> None:
    for name in names:
        if name not in inside:
            hint = did_you_mean(name, inside)
            raise UsageError(f"{where} names {name!r}, which is not in the suite", hint)


def _model_of(file: YamlFile, raw: dict[str, Any], at: Sequence[str | int]) -> type[Task]:
    """The model that a task file is read with; without a kind, the one that says so."""
    if "kind" not in raw:
        return Task
    try:
        return kind_named(str(raw["kind"])).task_model
    except UsageError as error:
        where = f"{file.path}:{file.line((*at, 'kind'))}"
        raise UsageError(f"{where}: kind: {error.message}", error.hint) from None
