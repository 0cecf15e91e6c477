"""The plan: which task is evaluated on which checkpoint, and what the store already holds.

Planning loads no model and no harness: a run with nothing to do ends here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.data import dataset_folder
from evalsuite.engines.choice import with_encoder_engine
from evalsuite.engines.vectors.forms import WHOLE, VectorForm
from evalsuite.errors import DataError
from evalsuite.kinds.base import Need, Planning
from evalsuite.kinds.table import kind_of
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.run.job import Group, Job
from evalsuite.run.options import Resolved, RunOptions, resolve
from evalsuite.run.stored import decided_early, find_stored
from evalsuite.store import Store

ORDER: Final[tuple[Need, ...]] = get_args(Need)
"""The engines of one checkpoint, in the order in which their groups run."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All jobs of a run, finished ones included."""

    jobs: tuple[Job, ...]
    options: Resolved
    """The run's options, on this machine."""

    @property
    def groups(self) -> list[Group]:
        """What has to run, by checkpoint and then by engine, in the order of :data:`ORDER`."""
        found: dict[tuple[str, Need], list[Job]] = {}
        for job in filter(lambda job: job.todo, self.jobs):
            for stage in job.stages:
                found.setdefault((job.checkpoint.fingerprint, stage.needs), []).append(job)
        checkpoints = list(dict.fromkeys(fingerprint for fingerprint, _ in found))
        keys = sorted(found, key=lambda key: (checkpoints.index(key[0]), ORDER.index(key[1])))
        return [Group(found[key][0].checkpoint, key[1], tuple(found[key])) for key in keys]


def make_plan(
    checkpoints: Sequence[Checkpoint],
    tasks: Sequence[Task],
    options: RunOptions,
    registry: Registry,
    store: Store,
) -> Plan:
    """Plan every task on every checkpoint.

    Raises:
        UsageError: For a device, an instruction set or a harness task that does not exist, or an
            engine that cannot do what a task needs.
        DataError: If a file that a task names is not there.
        EngineError: If a task needs an engine that is not installed.
    """
    needs = {stage.needs for task in tasks for stage in kind_of(task).stages}
    resolved = resolve(options, judged="judge" in needs)
    if "encoder" in needs:
        checkpoints = [
            with_encoder_engine(one, resolved.engine, resolved.device) for one in checkpoints
        ]
    if (stopping := resolved.stopping) is not None:
        tasks = sorted(tasks, key=lambda task: stopping.cost(task.name))
    jobs = [
        _job(checkpoint, task, form, resolved, registry, store)
        for checkpoint in checkpoints
        for task in tasks
        for form in _forms(task, resolved)
    ]
    for task in tasks:
        # An unknown name is an error, whatever the checkpoints can do; what is stored was known.
        unstored = any(job.task is task and job.record is None for job in jobs)
        if unstored and not registry.ships(task):
            kind_of(task).check_source(task)
    return Plan(tuple(jobs), resolved)


def _forms(task: Task, options: Resolved) -> tuple[VectorForm, ...]:
    """The forms of vectors in which a task is scored: one, where its kind has no choice."""
    return options.forms if "dims" in kind_of(task).options else (WHOLE,)


def _job(
    checkpoint: Checkpoint,
    task: Task,
    form: VectorForm,
    options: Resolved,
    registry: Registry,
    store: Store,
) -> Job:
    _check_files(task)
    kind = kind_of(task)
    skip = kind.cannot(task, checkpoint, options)
    # What this machine lacks does not hide a score that is stored.
    blocked = None if skip else kind.blocker(task)
    missing = () if skip or blocked else missing_data(task, options.data_root)
    if missing:
        skip = f"no data: {', '.join(missing)} not in {options.data_root}"
    planned = kind.plan(
        task,
        Planning(
            checkpoint=checkpoint,
            options=options,
            sets=registry.instruction_sets,
            form=form,
            runs=not (skip or blocked),
        ),
    )
    skip = skip or planned.skip
    record = None
    if not skip and not options.fresh:
        record = find_stored(
            checkpoint.fingerprint, task, planned.signature, options.data_root, store
        )
    if record is None and not skip:
        record = decided_early(checkpoint, task, planned.signature, options, store)
    if record is None:
        skip = skip or blocked
    return Job(
        checkpoint=checkpoint,
        task=task,
        signature=planned.signature,
        instruction=planned.instruction,
        outside=planned.outside,
        record=record,
        skip=skip,
        missing=missing,
        stale=not (record or skip or options.fresh)
        and bool(store.find(checkpoint.fingerprint, planned.signature.plan_key)),
    )


def _check_files(task: Task) -> None:
    for path in (task.data or {}).values():
        if not path.is_file():
            raise DataError(f"{task.name}: there is no file {path}", "check 'data' in its YAML")


def missing_data(task: Task, root: Path | None) -> tuple[str, ...]:
    """Data sets that the task's file names and that the local mirror ``root`` lacks."""
    if root is None:
        return ()
    return tuple(
        name
        for name, revision in task.reads.items()
        if dataset_folder(root, name, revision) is None
    )
