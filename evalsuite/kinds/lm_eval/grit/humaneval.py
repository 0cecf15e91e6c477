"""HumanEvalSynthesize in Python (bigcode-evaluation-harness, ``tasks/humanevalpack.py``)."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from evalsuite.errors import EngineError
from evalsuite.kinds.lm_eval.grit.rows import Row, named, table
from evalsuite.kinds.shared.answers import CODE_STOP, IMPORTS, given
from evalsuite.sandbox.sandbox import RunResult, require_sandbox

STOP = (*CODE_STOP, "<|endoftext|>")
KEPT = ("instruction", "prompt", "entry_point", "test")


def rows(dataset: Sequence[Row]) -> Any:
    """All problems.

    Raises:
        TaskSkipped: If programs cannot be run here: better now than after they were written.
    """
    require_sandbox()
    return table(
        named(
            {key: row[key] for key in KEPT} | {"header": row["prompt"].rstrip()},
            "humaneval",
            row["task_id"].partition("/")[2],
        )
        for row in dataset
    )


def chat_prompt(row: Row) -> str:
    """What the user says; the answer is made to begin with the function's header."""
    return str(row["instruction"]).strip()


def base_prompt(row: Row) -> str:
    """The text that a base model continues."""
    return str(row["prompt"]).strip()


def cut(generated: str) -> str:
    """What is kept behind the header: up to a stop word or the first line without indent."""
    text = generated.rstrip()
    for word in STOP:
        text = text.partition(word)[0]
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line.strip() and line[0] not in " \t":
            return "\n".join(lines[:number])
    return text


def program(row: Row, generated: str) -> str:
    """The program that a model wrote, with the common imports."""
    return f"{IMPORTS}\n{str(row['prompt']).rstrip()}{cut(generated)}".strip()


class ProgramScorer:
    """Runs the programs written for a problem: pass@1 is the share that pass its tests."""

    def extract(self, response: str) -> str | None:
        """The part that is run behind the header."""
        return cut(response) or None

    def __call__(self, row: Row, results: Sequence[Sequence[str]]) -> dict[str, float]:
        """Metrics of one problem.

        Args:
            row: The problem.
            results: One request's responses.

        Raises:
            EngineError: If the sandbox itself fails; that is nobody's wrong answer.
            TaskSkipped: If there is no sandbox.
        """
        programs = [program(row, response) for response in results[0]]
        outcome = {source: done.outcome for source, done in self._run(row, programs).items()}
        passed = [float(outcome[source] == "passed") for source in programs]
        timeouts = [float(outcome[source] == "timeout") for source in programs]
        return {
            "pass@1": math.fsum(passed) / len(passed),
            "timeouts": math.fsum(timeouts) / len(timeouts),
        }

    def _run(self, row: Row, programs: Sequence[str]) -> dict[str, RunResult]:
        """Run each different program once, as many at a time as there are processors."""
        sandbox = require_sandbox()
        tests, entry, own = f"\n{row['test']}", str(row["entry_point"]), given(str(row["prompt"]))

        def run(source: str) -> RunResult:
            return sandbox.run(source, tests, entry=entry, given=own)

        different = list(dict.fromkeys(programs))
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            done = list(pool.map(run, different))
        for result in done:
            if result.outcome == "error":
                raise EngineError(f"the sandbox failed: {result.detail}")
        return dict(zip(different, done, strict=True))


score = ProgramScorer()
