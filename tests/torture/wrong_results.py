"""Checkpoints and task files that give wrong results, and the command line that must say so."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalsuite.run.job import Group
from evalsuite.run.options import Resolved
from evalsuite.run.workers.executor import Listener
from evalsuite.run.workers.jobs import JobRunner
from evalsuite.run.workers.spec import WorkerSpec
from evalsuite.run.workers.worker import load_engine
from evalsuite.schema import Record
from evalsuite.store import Store
from helpers.tiny_lm import TEMPLATE, make_tiny_lm

POSITIONS = 96
LONG = "word " * 200
"""More tokens (one a byte) than the tiny model has positions."""


class SameProcess:
    """An executor that does the jobs here: loading its libraries takes seconds."""

    def run(self, groups: list[Group], options: Resolved, store: Store, hear: Listener) -> None:
        for group in groups:
            hear.group_started(group)
            spec = WorkerSpec.of(group, options, store.root, store.root / "log")
            runner = JobRunner(spec, store, lambda event: None)
            runner.run([job.key for job in group.jobs], load_engine(spec))


class CommandLine:
    """``evalsuite`` in this process, with its output and its exit code."""

    def __init__(
        self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.folder = folder
        self.tasks = folder / "tasks"
        self.tasks.mkdir()
        self._patch = patch
        self._capture = capture
        patch.setattr("evalsuite.run.workers.executor.LocalExecutor", SameProcess)
        patch.setenv("EVALSUITE_CACHE", str(folder / "cache"))
        patch.setenv("COLUMNS", "400")
        patch.chdir(folder)

    def __call__(self, *arguments: object) -> tuple[int, str]:
        """Exit code, and all that was printed."""
        from evalsuite.cli import main

        self._patch.setattr(sys, "argv", ["evalsuite", *map(str, arguments)])
        with pytest.raises(SystemExit) as done:
            main()
        shown = self._capture.readouterr()
        return int(done.value.code or 0), shown.out + shown.err

    def run(self, checkpoint: Path, *tasks: str, more: tuple[object, ...] = ()) -> tuple[int, str]:
        return self(
            *("run", "--ckpt", checkpoint, "--tasks", ",".join(tasks)),
            *("--tasks-dir", self.tasks, "--engine", "transformers", "--device", "cpu"),
            *("--dtype", "float32", *more),
        )

    def table(self, form: str = "markdown") -> tuple[int, str]:
        return self("table", "--tasks-dir", self.tasks, "--format", form)

    @property
    def records(self) -> dict[str, Record]:
        """Task → its newest record."""
        return {r.signature.task: r for r in Store(self.folder / "results").records()}

    def task(self, name: str, rows: list[dict[str, Any]], **definition: Any) -> str:
        """Write a task file and its data."""
        self.rows(name, rows)
        content = {"name": name, "data": {"test": f"{name}.jsonl"}, **definition}
        (self.tasks / f"{name}.yaml").write_text(json.dumps(content))
        return name

    def rows(self, name: str, rows: list[dict[str, Any]]) -> None:
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (self.tasks / f"{name}.jsonl").write_text(lines)


def choice(line: CommandLine, texts: list[str] | None = None) -> str:
    rows = [{"q": text, "a": "red"} for text in texts or ["The sky", "A rose", "Snow"]]
    asked = {"prompt": "{{q}} is", "choices": ["red", "blue"], "target": "{{a}}"}
    return line.task("choice", rows, kind="lm_eval", type="multiple_choice", **asked)


def talk(line: CommandLine, texts: list[str] | None = None, **more: Any) -> str:
    rows = [{"q": text, "a": "3"} for text in texts or ["1 + 2", "2 + 1", "3 + 0"]]
    asked = {"prompt": "{{q}} =", "target": "{{a}}", "generation": {"max_tokens": 6}, **more}
    return line.task("talk", rows, kind="lm_eval", type="generate", **asked)


def sts(line: CommandLine, count: int = 12) -> str:
    animals = ["cat", "dog", "cow", "owl", "ant", "bee", "fox", "elk", "emu", "hen", "pig", "rat"]
    rows = [
        {"sentence1": f"A {one} sleeps", "sentence2": f"The {one} eats {'a' * n}", "score": n % 5}
        for n, one in enumerate(animals[:count])
    ]
    return line.task("sts", rows, kind="mteb", type="sts", instruction="Find what is alike")


def checkpoint(path: Path, template: str | None = TEMPLATE) -> Path:
    """The tiny model with a chat template."""
    make_tiny_lm(path, positions=POSITIONS)
    if template is not None:
        (path / "chat_template.jinja").write_text(template)
    return path


def changed(sound: Path, path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    """A copy of a checkpoint with other weights."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(sound, path)
    tensors = load_file(path / "model.safetensors")
    change(tensors)
    whole = {name: tensor.contiguous() for name, tensor in tensors.items()}
    save_file(whole, path / "model.safetensors", metadata={"format": "pt"})
    return path


def with_template(sound: Path, path: Path, template: str) -> Path:
    shutil.copytree(sound, path)
    (path / "chat_template.jinja").write_text(template)
    return path
