"""The plan: which task is evaluated on which checkpoint, and what the store already holds.

Planning loads no model and no harness: a run with nothing to do ends here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.data import still_matches
from evalsuite.engines.base import Device, DType
from evalsuite.engines.device import engine_version, resolve_device, resolve_dtype
from evalsuite.engines.generators import context_length
from evalsuite.errors import DataError
from evalsuite.registry.dispatch import blocker, check_source, harness_version
from evalsuite.registry.load import Registry
from evalsuite.registry.models import Instruction, Task
from evalsuite.schema import Frozen, Record, Signature, World
from evalsuite.store import Store


class RunOptions(Frozen):
    """What a person chose for a run, besides checkpoints and tasks."""

    limit: int | None = None
    device: Device = "auto"
    dtype: DType = "auto"
    engine: Literal["vllm", "transformers"] = "vllm"
    """Engine of generative tasks; embedding uses what the checkpoint's protocol says."""
    data_root: Path | None = None
    """Folder in Hugging Face dataset-repo layout; with it, a run touches no network."""
    fresh: bool = False
    """Evaluate again what the store already holds."""
    seed: int = 42


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One task on one checkpoint."""

    checkpoint: Checkpoint
    task: Task
    signature: Signature
    instruction: Instruction | None = None
    record: Record | None = None
    """The stored score, if there is one: nothing is left to do."""
    skip: str | None = None
    """Why this cannot be measured here."""

    @property
    def todo(self) -> bool:
        """Whether a model has to run."""
        return self.record is None and self.skip is None


@dataclass(frozen=True, slots=True)
class Group:
    """Jobs that share one engine, in order."""

    checkpoint: Checkpoint
    world: World
    jobs: tuple[Job, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """All jobs of a run, finished ones included."""

    jobs: tuple[Job, ...]

    @property
    def groups(self) -> list[Group]:
        """What has to run, by checkpoint and then by world."""
        order: dict[tuple[str, World], list[Job]] = {}
        for job in self.jobs:
            if job.todo:
                order.setdefault((job.checkpoint.fingerprint, job.task.world), []).append(job)
        return [Group(jobs[0].checkpoint, world, tuple(jobs)) for (_, world), jobs in order.items()]


def make_plan(
    checkpoints: Sequence[Checkpoint],
    tasks: Sequence[Task],
    options: RunOptions,
    registry: Registry,
    store: Store,
) -> Plan:
    """Plan every task on every checkpoint.

    Raises:
        UsageError: For a device, an instruction set or a harness task that does not exist.
        DataError: If a file that a task names is not there.
        EngineError: If a task needs an engine that is not installed.
    """
    jobs = [
        _job(checkpoint, task, options, registry, store)
        for checkpoint in checkpoints
        for task in tasks
    ]
    for task in tasks:
        if any(job.task is task and job.todo for job in jobs):
            check_source(task)
    return Plan(tuple(jobs))


def _job(
    checkpoint: Checkpoint, task: Task, options: RunOptions, registry: Registry, store: Store
) -> Job:
    for path in (task.data or {}).values():
        if not path.is_file():
            raise DataError(f"{task.name}: there is no file {path}", "check 'data' in its YAML")
    instruction: Instruction | None = None
    skip = checkpoint.cannot.get(task.world) or blocker(task)
    if task.world == "embedding":
        protocol = checkpoint.embedding or EmbeddingProtocol(engine="transformers")
        instruction = find_instruction(task, protocol, registry)
        signature = _embedding_signature(task, protocol, instruction, options)
    else:
        signature = _generative_signature(checkpoint, task, options, skipped=skip is not None)
    record = None
    if not skip and not options.fresh:
        record = find_stored(checkpoint.fingerprint, task, signature, options, store)
    return Job(
        checkpoint=checkpoint,
        task=task,
        signature=signature,
        instruction=instruction,
        record=record,
        skip=skip,
    )


def find_instruction(
    task: Task, protocol: EmbeddingProtocol, registry: Registry
) -> Instruction | None:
    """The instruction of a task under a protocol.

    The instruction set's entry for the harness task comes first, then the task file's own
    text, then (``None``) the harness's own instruction for the task.
    """
    if protocol.instructions == "none":
        return Instruction()
    if protocol.instructions == "model":
        return None
    if protocol.instructions != "task":
        entries = registry.instructions(protocol.instructions).tasks
        if entry := entries.get(task.source or task.name):
            return entry
    return task.instruction


def _embedding_signature(
    task: Task,
    protocol: EmbeddingProtocol,
    instruction: Instruction | None,
    options: RunOptions,
) -> Signature:
    device = resolve_device(options.device)
    return Signature(
        task=task.name,
        task_hash=task.hash,
        world="embedding",
        harness=harness_version(task),
        engine=engine_version(protocol.engine),
        device=device,
        dtype=resolve_dtype(options.dtype, device, "embedding"),
        split=task.split,
        limit=options.limit,
        seed=options.seed,
        max_length=protocol.max_length,
        instructions=protocol.instructions,
        instruction=instruction.text if instruction else None,
        template=protocol.wrapper.template if protocol.wrapper else None,
        attention=protocol.attention,
        pooling=protocol.pooling,
        normalize=protocol.normalize,
    )


def _generative_signature(
    checkpoint: Checkpoint, task: Task, options: RunOptions, *, skipped: bool
) -> Signature:
    device = resolve_device(options.device)
    return Signature(
        task=task.name,
        task_hash=task.hash,
        world="generative",
        harness=harness_version(task),
        # What is skipped anyway must not fail over an engine that is not there.
        engine=options.engine if skipped else engine_version(options.engine),
        device=device,
        dtype=resolve_dtype(options.dtype, device, "generative"),
        split=task.split,
        limit=options.limit,
        seed=options.seed,
        max_length=context_length(checkpoint.max_positions, None),
        chat_template=checkpoint.chat.template_hash if checkpoint.chat else "none",
        shots=task.shots,
        sampling="task",
        prefix_caching=False,
    )


def find_stored(
    fingerprint: str, task: Task, signature: Signature, options: RunOptions, store: Store
) -> Record | None:
    """The newest stored score of a job whose data is still what would be read now."""
    for record in store.find(fingerprint, signature.plan_key):
        if record.data and still_matches(record.data, options.data_root, task.data):
            return record
    return None
