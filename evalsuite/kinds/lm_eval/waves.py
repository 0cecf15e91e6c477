"""Answering a task wave by wave in a random order, until a check's rule decides it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from evalsuite.kinds.base import Context, ProgressEvent
from evalsuite.kinds.lm_eval.parts import BuiltTasks, Item
from evalsuite.kinds.lm_eval.results import main_key, samples_of, shown, wanted_metric
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.lm_eval.tasks import LoadedTasks
from evalsuite.kinds.shared.item_order import random_order
from evalsuite.schema import Stopped
from evalsuite.stopping.decide import Answered, Look, look, next_look, stopped
from evalsuite.stopping.rules import EARLY_LOOKS, Stopping, StopRule

STEP: Final = {"cpu": 16, "cuda": 64}
"""Device → the fewest items between two looks: a GPU runs empty at each wave's end."""

EvaluatePart = Callable[[LoadedTasks, dict[str, list[int]]], dict[str, Any]]
"""Has lm-eval evaluate a part; its result."""


@dataclass(slots=True)
class WavesProgress:
    """Counts the requests of all waves together."""

    report: ProgressEvent
    before: int = 0
    """Requests of earlier waves."""
    total: int = 0
    """Requests of all waves; 0: there is one wave."""
    _last: int = 0

    def __call__(self, done: int, total: int, unit: str) -> None:
        """Report what is done of a wave."""
        self._last = self.before + done
        self.report(self._last, self.total or total, unit)

    def wave_ended(self) -> None:
        """Count what follows on top."""
        self.before = self._last

    def all_again(self) -> None:
        """What follows is all items, of which all are answered."""
        self.before = self.total = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WavesOutcome:
    """What came of answering a task in waves."""

    stopped: Stopped | None
    """``None`` if all items were answered."""
    rows: list[dict[str, Any]]
    """Of the items that were answered, in the order of asking."""
    metric: str
    results: dict[str, Any]
    """lm-eval's of the last wave."""
    drop_p: float
    """Of "no drop", from the early looks."""

    def kept(self, stopping: Stopping | None, task: str) -> dict[str, Any]:
        """What the record of a task keeps that no early look decided."""
        assert stopping is not None
        return {EARLY_LOOKS: {"rule": stopping.rules[task].key, "p": self.drop_p}}


def why_not(rule: StopRule, task: LmEvalTask, data: str, items: int) -> str | None:
    """Why samples cannot be paired with the baseline's; ``None`` if they may be the same."""
    if rule.task_hash != task.hash:
        return "the baseline has another definition of the task"
    if rule.data != data:
        return "the baseline's data is other"
    if len(rule.samples) != items:
        return f"the baseline has {len(rule.samples)} samples, not {items}"
    return None


@dataclass(slots=True)
class Waves:
    """The waves of one task.

    Args:
        task: The task.
        built: Its requests.
        rule: What the check asks.
        context: Everything else.
        evaluate: Has a part evaluated.
        progress: Is told where each wave ends.
    """

    task: LmEvalTask
    built: BuiltTasks
    rule: StopRule
    context: Context
    evaluate: EvaluatePart
    progress: WavesProgress
    _rows: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> WavesOutcome | None:
        """Answer until the task is decided, or all is answered.

        Returns:
            ``None`` if a sample turns out not to be one of the baseline's.
        """
        stopping = self.context.options.stopping
        assert stopping is not None
        items = self._shuffled()
        position = {name: index for index, name in enumerate(self.rule.samples)}
        self.progress.total = self.built.requests
        step, done = STEP[self.context.options.device], 0
        found = Look(verdict=None, drop_p=1.0)
        metric, results = "", dict[str, Any]()
        while done < len(items):
            upto = next_look(done, len(items), step)
            metric, results = self._wave(items[done:upto])
            self.progress.wave_ended()
            done = upto
            places = [position.get(str(row["sample"])) for row in self._rows]
            known = [place for place in places if place is not None]
            if metric != self.rule.metric or len(known) < len(places) or not self._bounded():
                return None
            answered = self._answered(known, len(items))
            found = look(answered, self.rule)
            if done < len(items) and self._ends(found, stopping):
                ended = stopped(answered, self.rule, found)
                return WavesOutcome(
                    stopped=ended, rows=self._rows, metric=metric, results=results,
                    drop_p=found.drop_p,
                )  # fmt: skip
        return WavesOutcome(
            stopped=None, rows=self._rows, metric=metric, results=results, drop_p=found.drop_p
        )

    def _ends(self, found: Look, stopping: Stopping) -> bool:
        if found.verdict == "regression" and self.rule.required:
            stopping.end_with(self.task.name)
        return found.verdict is not None or stopping.ended_by() is not None

    def _shuffled(self) -> list[Item]:
        items = self.built.items
        order = random_order(len(items), self.built.loaded.data.hash, self.context.seed)
        return [items[index] for index in order]

    def _wave(self, items: Sequence[Item]) -> tuple[str, dict[str, Any]]:
        """Have some items answered and scored; the main metric, and lm-eval's result."""
        part, chosen = self.built.part(items)
        results = self.evaluate(part, chosen)
        wanted = wanted_metric(self.task)
        mains = {name: main_key(results["results"][name], wanted, name) for name in part.leaves}
        rows, _ = samples_of(results["samples"], self.built.loaded, mains)
        at = {(item.task, self.built.choice[item.task][item.place]): item for item in items}
        logged = [(name, example["doc_id"]) for name, key in mains.items()
                  for example in results["samples"][name]
                  if example["filter"] == key.partition(",")[2]]  # fmt: skip
        by_item = {at[place]: row for place, row in zip(logged, rows, strict=True)}
        self._rows += [by_item[item] for item in items]
        return shown(next(iter(mains.values()))), results

    def _bounded(self) -> bool:
        scores = [row["score"] for row in self._rows]
        return all(score is not None and 0 <= score <= 1 for score in scores)

    def _answered(self, places: Sequence[int], total: int) -> Answered:
        rule = self.rule
        return Answered(
            baseline=np.array([rule.scores[place] for place in places]),
            candidate=np.array([row["score"] for row in self._rows], dtype=np.float64),
            weights=np.array([rule.weights[place] for place in places]),
            groups=None if rule.groups is None else tuple(rule.groups[at] for at in places),
            total=total,
        )
