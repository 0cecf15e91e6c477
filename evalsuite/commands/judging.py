"""From two sides of a check, evaluated or stored, to its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalsuite.commands.early import EarlyRun, red_file_name
from evalsuite.commands.requests import CheckRequest
from evalsuite.kinds.table import kind_of
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.check.early import early_p, rules_of, stopped_comparison
from evalsuite.results.check.policy import Policy
from evalsuite.results.check.verdicts import (
    CheckResult,
    EarlyOutcome,
    TaskVerdict,
    verdicts_of,
)
from evalsuite.results.compare.suite import Side
from evalsuite.results.in_domain.matching import in_domain_notes
from evalsuite.results.scores import Scores, stored_samples
from evalsuite.results.stale import with_stale
from evalsuite.schema import Record, Stopped, World
from evalsuite.store import Store
from evalsuite.suspicions import said


def early_run(judging: Judging, request: CheckRequest) -> EarlyRun:
    """How a check's candidate is evaluated so that tasks end early."""
    registry, suite = judging.registry, judging.suite
    rules = rules_of(
        judging.baseline,
        request.policy,
        stoppable=[task for task in suite.tasks if kind_of(registry.task(task)).stops_early],
        tests=len(suite.tasks),
        categories=judging.categories,
        red=Store(request.results).work_file(red_file_name()) if request.stop_on_red else None,
    )
    load = stored_samples(Store(request.results))

    def judge(records: Sequence[Record]) -> Sequence[TaskVerdict]:
        found = {record.signature.task: record for record in records}
        return judging.verdicts(Side(name="", records=found, load=load))

    return EarlyRun(rules, judge)


@dataclass(slots=True)
class Judging:
    """What a check judges a candidate by."""

    policy: Policy
    suite: Suite
    categories: Mapping[str, str | None]
    registry: Registry
    baseline: Side
    early: EarlyRun | None = None
    """How the candidate was evaluated, if tasks could end early."""

    def result(self, candidate: Side) -> CheckResult:
        """The check's result."""
        verdicts = self.verdicts(candidate)
        compared = {line.task: line.comparison for line in verdicts if line.comparison}
        notes = [f"{task}: not paired: {one.note}" for task, one in compared.items() if one.note]
        notes += [
            f"{t}: settings differ: {one.settings}" for t, one in compared.items() if one.settings
        ]
        notes += in_domain_notes(
            {
                side.name: [record for task, record in side.records.items() if task in compared]
                for side in (self.baseline, candidate)
            }
        )
        notes += _differences(self.baseline.records, candidate.records)
        notes += self.early.rules.notes if self.early else ()
        return CheckResult(
            baseline=self.baseline.name,
            candidate=candidate.name,
            policy=self.policy,
            tasks=verdicts,
            notes=tuple(notes),
            ended_by=self.early.ended_by if self.early else None,
        )

    def verdicts(self, candidate: Side) -> tuple[TaskVerdict, ...]:
        """The verdict on each task of the suite."""
        baseline, tasks = self.baseline, self.suite.tasks
        both = [*baseline.records.values(), *candidate.records.values()]
        comparison = Scores.of(both, self.suite, self.categories).compare(baseline, candidate)
        compared = {line.comparison.task: line.comparison for line in comparison.tasks}
        missing = dict(comparison.missing)
        stopped = self._stopped(candidate)
        for task, (record, ended) in stopped.items():
            missing.pop(task, None)
            compared[task] = stopped_comparison(record, ended)
        for task in tasks:  # without columns of its own, a suite shows only tasks with records
            if task not in compared and task not in missing:
                missing[task] = f"{baseline.name} has no score; {candidate.name} has no score"
        if self.early and (red := self.early.ended_by):
            for task in missing.keys() - candidate.records.keys():
                missing[task] = f"not run: {red} is a regression, which ended the check"
        if stopped:
            compared = {task: compared[task] for task in tasks if task in compared} | compared
        return verdicts_of(
            compared,
            missing,
            self.policy,
            categories=self.categories,
            in_baseline=frozenset(t for t, r in baseline.records.items() if r.score is not None),
            suspect=self._suspect(candidate),
            early=EarlyOutcome(
                stopped={task: ended for task, (_, ended) in stopped.items()},
                looked=self._looked(candidate),
                untested=len(missing) if self.early else 0,
            ),
        )

    def _stopped(self, candidate: Side) -> dict[str, tuple[Record, Stopped]]:
        """Task → record and what is known of it, of tasks that this check has ended early."""
        rules = self.early.rules.stopping.rules if self.early else {}
        return {
            task: (record, ended)
            for task, record in candidate.records.items()
            if task in rules and (ended := record.stopped) and ended.rule == rules[task].key
        }

    def _looked(self, candidate: Side) -> dict[str, float]:
        rules = self.early.rules.stopping.rules if self.early else {}
        found = {t: early_p(record, rules.get(t)) for t, record in candidate.records.items()}
        return {task: p for task, p in found.items() if p is not None}

    def _suspect(self, candidate: Side) -> dict[str, str]:
        return {
            record.signature.task: "; ".join(map(said, record.suspicions))
            for record in with_stale(candidate.records.values(), self.registry.tasks)
            if (record.score is not None or record.stopped) and record.suspicions
        }


def _differences(one: Mapping[str, Record], two: Mapping[str, Record]) -> list[str]:
    """In what the signatures of the two differ, world by world."""
    found: dict[tuple[World, str, str, str], None] = {}
    for task in [task for task in one if task in two]:
        first, second = one[task], two[task]
        if first.score is None or second.score is None or first.origin or second.origin:
            continue  # of imported scores, each task's comparison says it
        left, right = first.signature.protocol, second.signature.protocol
        for key in sorted(left.keys() | right.keys()):
            if left.get(key) != right.get(key):
                values = (str(left.get(key)), str(right.get(key)))
                found[(first.signature.world, key, *values)] = None
    return [
        f"{world}: baseline and candidate differ in {key}: {left} and {right}"
        for world, key, left, right in found
    ]
