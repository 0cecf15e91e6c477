"""Code tasks of lm-eval in evalsuite's sandbox.

lm-eval runs programs through the metric ``code_eval`` of the library ``evaluate``, in the process
of the evaluation itself. Here the same call runs each program in the sandbox. Scores are the same:
a program passes if it and its tests run to their end within three seconds.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import EngineError
from evalsuite.kinds.lm_eval.configs import full_config
from evalsuite.kinds.lm_eval.names import find, tasks_root
from evalsuite.sandbox.sandbox import SECONDS, Sandbox, require_sandbox, why_unavailable
from evalsuite.stats.passes import pass_at

FOLDERS: Final = ("humaneval", "humaneval_infilling", "mbpp")
"""Folders of lm-eval whose code tasks run programs by ``code_eval`` alone."""
TIMEOUT: Final = 3.0
"""Seconds of a program, as in ``code_eval``."""
START: Final = 0.5
"""Seconds that the sandbox takes to start."""
VERSION: Final = "sandbox-1"
"""In signatures, of programs that were run here; raised where that moves a score."""

_PROGRAM: Final = """
def evalsuite_runs():
    exec(compile({source!r}, "program", "exec"), {{}})
    return True
"""


def runs_code(name: str, folder: Path | None = None) -> bool:
    """Whether lm-eval's files mark a task as one that runs what a model writes.

    Raises:
        UsageError: If there is no such task.
    """
    entry = find(name, folder)
    return entry.path is not None and is_marked(full_config(entry.path))


def is_marked(config: Mapping[str, Any]) -> bool:
    """Whether a file marks its task as one that runs what a model writes."""
    return bool(config.get("unsafe_code"))


def why_not(name: str, folder: Path | None = None) -> str | None:
    """Why a code task cannot be evaluated here; ``None`` where it can, and for other tasks.

    Raises:
        UsageError: If there is no such task.
    """
    entry = find(name, folder)
    if entry.path is None or not runs_code(name, folder):
        return None
    return why_unavailable() if in_sandbox(entry.path) else outside(name)


def in_sandbox(path: Path) -> bool:
    """Whether programs of a task file's tasks are run in the sandbox."""
    return path.parent in [tasks_root() / folder for folder in FOLDERS]


def outside(name: str) -> str:
    """Why a task is skipped that runs programs in its own way."""
    return f"lm_eval:{name} runs generated code outside a sandbox"


@contextlib.contextmanager
def code_eval_in_sandbox() -> Iterator[None]:
    """While lm-eval imports a task's code: it asks for ``code_eval``, and gets the sandbox.

    Raises:
        TaskSkipped: If there is no sandbox.
    """
    import evaluate

    metric = CodeEval(require_sandbox())
    load = evaluate.load

    def found(path: str, *args: Any, **kwargs: Any) -> Any:
        return metric if path == "code_eval" else load(path, *args, **kwargs)

    evaluate.load = found
    try:
        yield
    finally:
        evaluate.load = load


@dataclass(frozen=True, slots=True)
class CodeEval:
    """What ``evaluate.load("code_eval")`` gives, with the sandbox in its place.

    Attributes:
        sandbox: Where programs are run.
    """

    sandbox: Sandbox

    def compute(
        self, predictions: Sequence[Sequence[str]], references: Sequence[str], k: Sequence[int]
    ) -> tuple[dict[str, float], dict[int, list[str]]]:
        """The share of problems that one of ``k`` programs solves, as ``code_eval`` estimates it.

        Args:
            predictions: The programs of each problem.
            references: The tests of each problem.
            k: Numbers of programs.

        Returns:
            ``pass@k`` → its value, for each ``k`` that is not above the number of programs of any
            problem; and the outcomes of each problem.

        Raises:
            EngineError: If the sandbox itself fails, which says nothing about the programs.
        """
        outcomes = {
            number: [self._outcome(program, tests) for program in programs]
            for number, (programs, tests) in enumerate(zip(predictions, references, strict=True))
        }
        counts = [(len(found), found.count("passed")) for found in outcomes.values()]
        scores = {
            f"pass@{one}": math.fsum(pass_at(one, n, right) for n, right in counts) / len(counts)
            for one in k
            if all(n >= one for n, _ in counts)
        }
        return scores, outcomes

    def _outcome(self, program: str, tests: str) -> str:
        slow = self.sandbox.seconds / SECONDS
        sandbox = replace(self.sandbox, seconds=slow * (TIMEOUT + START))
        done = sandbox.run(
            _PROGRAM.format(source=f"{program}\n{tests}"),
            "assert evalsuite_runs() is True",
            entry="evalsuite_runs",
        )
        if done.outcome == "error":
            raise EngineError(f"the sandbox failed: {done.detail}")
        return done.outcome
