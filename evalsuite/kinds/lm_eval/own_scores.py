"""Scores of the answers to one item of a generative task on files of one's own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from evalsuite.errors import EngineError
from evalsuite.kinds.lm_eval import own_answers, text_metrics
from evalsuite.kinds.lm_eval.own_function import FUNCTION, Function, value_of
from evalsuite.kinds.lm_eval.own_items import OwnItems
from evalsuite.kinds.lm_eval.programs import program
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.shared import answers
from evalsuite.sandbox.sandbox import Sandbox
from evalsuite.stats.passes import pass_at

Doc = Mapping[str, Any]
"""A row as lm-eval has it: it stands for an item."""


@dataclass(frozen=True)
class GenerationScorer:
    """Scores the answers to one item; the mean where several were drawn.

    Attributes:
        task: Says how the answer is found and what the right ones are.
        items: What the rows stand for.
        function: The task's own function, if it has one.
    """

    task: LmEvalTask
    items: OwnItems = field(repr=False)
    function: Function | None = None

    def extract_of(self, doc: Doc, response: str) -> str | None:  # noqa: ARG002 - see CodeScorer
        """The answer in a response."""
        return own_answers.extract(response, self.task.extract)

    def __call__(self, doc: Doc, results: Sequence[Sequence[str]]) -> dict[str, Any]:
        """Metrics of one item.

        Args:
            doc: The item.
            results: One request's responses.
        """
        assert self.task.target is not None
        right = answers.references(self.items.of(doc).texts[self.task.target])
        found = [self.extract_of(doc, response) for response in results[0]]
        return {
            "exact_match": _average([own_answers.exact_match(answer, right) for answer in found]),
            "f1": _average([own_answers.token_f1(answer, right) for answer in found]),
            "unparsed": _average([float(answer is None) for answer in found]),
            **self._further(found, right),
            **self._own(doc, found, right),
        }

    def _own(self, doc: Doc, found: Sequence[str | None], right: Sequence[str]) -> dict[str, float]:
        """The metric of the task's own function."""
        if self.function is None or self.task.scorer is None:
            return {}
        row, path = self.items.of(doc).row, self.task.scorer
        values = [value_of(self.function, path, answer, right, row) for answer in found]
        return {FUNCTION: _average(values)}

    def _further(self, found: Sequence[str | None], right: Sequence[str]) -> dict[str, Any]:
        """The metrics that the task file adds; those of all answers take the first one drawn."""
        added: dict[str, Any] = {
            metric: text_metrics.corpus_item(found[0], right, self.most)
            for metric in self.task.metrics
            if metric in text_metrics.CORPUS
        }
        if "rouge" in self.task.metrics:
            each = [text_metrics.rouge(answer, right) for answer in found]
            added |= {name: _average([one[name] for one in each]) for name in text_metrics.ROUGE}
        return added

    @cached_property
    def most(self) -> int:
        """The most right answers that any item has."""
        assert self.task.target is not None
        target = self.task.target
        items = self.items.roles["test"]
        return max(len(answers.references(item.texts[target])) for item in items)


@dataclass(frozen=True, slots=True)
class CodeScorer:
    """Scores the programs written for one item: pass@1 is the share that pass the tests.

    Attributes:
        sandbox: Where they are run.
        items: What the rows stand for.
        counts: Each ``k`` above 1 for which ``pass@k`` is estimated.
    """

    sandbox: Sandbox
    items: OwnItems = field(repr=False)
    counts: tuple[int, ...] = ()

    def extract_of(self, doc: Doc, response: str) -> str | None:
        """The program that is run, without the part that the prompt gave."""
        row = self.items.of(doc).row
        return program("", response, str(row["entry_point"]))

    def __call__(self, doc: Doc, results: Sequence[Sequence[str]]) -> dict[str, float]:
        """Metrics of one item.

        Raises:
            EngineError: If the sandbox itself fails, which says nothing about the answer.
        """
        row = self.items.of(doc).row
        entry, prompt = str(row["entry_point"]), str(row["prompt"])
        outcomes = []
        for response in results[0]:
            source = program(prompt.strip(), response, entry)
            done = self.sandbox.run(
                answers.IMPORTS + source, _tests(row), entry=entry, given=answers.given(prompt)
            )
            if done.outcome == "error":
                raise EngineError(f"the sandbox failed: {done.detail}")
            outcomes.append(done.outcome)
        passed = outcomes.count("passed")
        return {
            **{f"pass@{k}": pass_at(k, len(outcomes), passed) for k in self.counts},
            "pass@1": _average([float(outcome == "passed") for outcome in outcomes]),
            "timeouts": _average([float(outcome == "timeout") for outcome in outcomes]),
        }


def _tests(row: Mapping[str, Any]) -> str:
    """The tests, with the call that HumanEval's ``check`` function leaves to the harness."""
    tests = str(row["tests"])
    uncalled = "def check(" in tests and not re.search(r"^check\(", tests, re.MULTILINE)
    return f"{tests}\ncheck({row['entry_point']})\n" if uncalled else tests


def _average(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)
