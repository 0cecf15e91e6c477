"""The plan: which task is evaluated on which checkpoint, and what the store already holds.

Planning loads no model and no harness: a run with nothing to do ends here.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.checkpoint.protocols import unusual_bare
from evalsuite.data import dataset_folder
from evalsuite.engines.choice import (
    context_length,
    generator_engine,
    why_not_unified,
    with_encoder_engine,
)
from evalsuite.engines.device import engine_version, resolve_device, resolve_dtype
from evalsuite.errors import DataError, EngineError, UsageError
from evalsuite.judging.judge import NEEDED, describe, find_checkpoint
from evalsuite.kinds.mteb.scope import signed_splits
from evalsuite.kinds.table import blocker, check_source, harness_version
from evalsuite.registry.load import Registry
from evalsuite.registry.models import Instruction, Task
from evalsuite.run.instructions import (
    find_instruction,
    no_example,
    outside_set,
    set_name,
    with_example,
)
from evalsuite.run.options import RunOptions
from evalsuite.run.stored import find_stored
from evalsuite.schema import Record, Signature, World, digest
from evalsuite.store import Store

Stage = Literal["evaluate", "judge"]
"""What an engine does for a group: everything, or (for judged tasks, after another engine has
answered) the comparison of the answers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One task on one checkpoint."""

    checkpoint: Checkpoint
    task: Task
    signature: Signature
    instruction: Instruction | None = None
    outside: str | None = None
    """The instruction set, where it has no entry for the task."""
    record: Record | None = None
    """The stored score, if there is one: nothing is left to do."""
    skip: str | None = None
    """Why this cannot be measured here."""
    missing: tuple[str, ...] = ()
    """Data sets that the task needs and ``--data`` does not hold."""
    stale: bool = False
    """Whether a score is stored that was computed from other data."""

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
    stage: Stage = "evaluate"
    judge: Checkpoint | None = None
    """Of the stage ``judge``: the judge's checkpoint; ``None`` for an endpoint."""

    cached: bool = False
    """Whether the engine embeds and generates from caches: all jobs need it then, or none."""

    def second_stage(self, job: Job) -> bool:
        """Whether a job can only be done here after an earlier group has done its part."""
        return is_second_stage(job.task, self.world, self.stage)


@dataclass(frozen=True, slots=True)
class Plan:
    """All jobs of a run, finished ones included."""

    jobs: tuple[Job, ...]
    judge: Checkpoint | None = None
    """The judge's checkpoint, where a job needs one."""

    @property
    def groups(self) -> list[Group]:
        """What has to run, by checkpoint and then by world; judges after the answers."""
        order: dict[tuple[str, World, bool], list[Job]] = {}
        for job in filter(lambda job: job.todo, self.jobs):
            if job.task.retrieves:
                # With the encoder of the embedding tasks.
                order.setdefault((job.checkpoint.fingerprint, "embedding", False), []).append(job)
            key = (job.checkpoint.fingerprint, job.task.world, job.task.cached)
            order.setdefault(key, []).append(job)
        groups: list[Group] = []
        checkpoints = list(dict.fromkeys(fingerprint for fingerprint, *_ in order))
        # Embedding first, since what it finds is reranked by the generator.
        for key in sorted(order, key=lambda key: (checkpoints.index(key[0]), *key[1:])):
            (_, world, cached), jobs = key, order[key]
            groups.append(Group(jobs[0].checkpoint, world, tuple(jobs), cached=cached))
            if judged := tuple(job for job in jobs if job.task.judged):
                groups.append(replace(groups[-1], jobs=judged, stage="judge", judge=self.judge))
        return groups


def is_second_stage(task: Task, world: World, stage: Stage) -> bool:
    """Whether a task's first stage has to be over: its answers judged, or its finds reranked."""
    return stage == "judge" or (task.retrieves and world == "generative")


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
    if options.prefix_caching and generator_engine(options.engine) != "vllm":
        raise UsageError(
            f"--engine {options.engine} has no prefix caching", "leave out --prefix-caching"
        )
    judge = None
    if options.judge is not None and any(task.judged for task in tasks):
        judge = find_checkpoint(options.judge)
    if any(task.world == "embedding" or task.retrieves for task in tasks):
        device = resolve_device(options.device)
        checkpoints = [with_encoder_engine(one, options.engine, device) for one in checkpoints]
    jobs = [
        _job(checkpoint, task, options, registry, store, judge)
        for checkpoint in checkpoints
        for task in tasks
    ]
    for task in tasks:
        # An unknown name is an error, whatever the checkpoints can do; what is stored was known.
        unstored = any(job.task is task and job.record is None for job in jobs)
        if unstored and not registry.ships(task):
            check_source(task)
    return Plan(tuple(jobs), judge)


def _job(
    checkpoint: Checkpoint,
    task: Task,
    options: RunOptions,
    registry: Registry,
    store: Store,
    judge: Checkpoint | None,
) -> Job:
    _check_files(task)
    skip = checkpoint.cannot.get(task.world) or _cannot(checkpoint, task, options)
    # What this machine lacks does not hide a score that is stored.
    blocked = None if skip else blocker(task)
    missing = () if skip or blocked else missing_data(task, options.data_root)
    if missing:
        skip = f"no data: {', '.join(missing)} not in {options.data_root}"
    instruction: Instruction | None = None
    outside: str | None = None
    protocol = checkpoint.embedding or EmbeddingProtocol(engine="transformers")
    if task.world == "embedding" or task.retrieves:
        instruction = find_instruction(task, protocol, registry)
        if options.shots and task.world == "embedding":
            instruction = with_example(task, protocol, registry)
            skip = skip or (None if instruction else no_example(protocol))
        lacking = outside_set(task, protocol, registry)
        protocol = protocol.model_copy(update={"instructions": set_name(protocol, registry)})
        outside = protocol.instructions if lacking else None
    if task.world == "embedding":
        signature = _embedding_signature(task, protocol, instruction, options)
    else:
        signature = _generative_signature(checkpoint, task, options, skipped=bool(skip or blocked))
        signature = signature.model_copy(
            update=_further_parts(checkpoint, task, options, protocol, instruction, judge)
        )
    if outside:
        signature = signature.model_copy(update={"outside_set": True})
    if task.cached and not skip:
        _check_embed_length(checkpoint, options)
    record = None
    if not skip and not options.fresh:
        record = find_stored(checkpoint.fingerprint, task, signature, options.data_root, store)
    if record is None:
        skip = skip or blocked
    return Job(
        checkpoint=checkpoint,
        task=task,
        signature=signature,
        instruction=instruction,
        outside=outside,
        record=record,
        skip=skip,
        missing=missing,
        stale=not (record or skip or options.fresh)
        and bool(store.find(checkpoint.fingerprint, signature.plan_key)),
    )


def _check_files(task: Task) -> None:
    for path in (task.data or {}).values():
        if not path.is_file():
            raise DataError(f"{task.name}: there is no file {path}", "check 'data' in its YAML")


def _cannot(checkpoint: Checkpoint, task: Task, options: RunOptions) -> str | None:
    """Why a checkpoint cannot do a task that needs more than one world or a judge."""
    if task.retrieves:
        return checkpoint.cannot.get("embedding")
    if task.cached:
        return why_not_unified(checkpoint)
    return _no_judgement(checkpoint, task, options) if task.judged else None


def _no_judgement(checkpoint: Checkpoint, task: Task, options: RunOptions) -> str | None:
    """Why a judged task cannot be done, by what is known before anything is loaded."""
    if checkpoint.chat is None or checkpoint.chat.template is None:
        return f"{task.category or task.name} needs a chat template"
    return None if options.judge else NEEDED


def missing_data(task: Task, root: Path | None) -> tuple[str, ...]:
    """Data sets that the task's file names and that the local mirror ``root`` lacks."""
    if root is None:
        return ()
    return tuple(
        name
        for name, revision in task.datasets.items()
        if dataset_folder(root, name, revision) is None
    )


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
        splits=signed_splits(task),
        limit=options.limit,
        seed=options.seed,
        max_length=protocol.max_length,
        instructions=protocol.instructions,
        instruction=instruction.text if instruction else None,
        shots=options.shots or None,
        template=protocol.wrapper.template if protocol.wrapper else None,
        bare=unusual_bare(protocol.wrapper) if protocol.wrapper else None,
        attention=protocol.attention,
        pooling=protocol.pooling,
        pool_instruction=protocol.pool_instruction or None,
        normalize=protocol.normalize,
    )


def _further_parts(
    checkpoint: Checkpoint,
    task: Task,
    options: RunOptions,
    protocol: EmbeddingProtocol,
    instruction: Instruction | None,
    judge: Checkpoint | None,
) -> dict[str, Any]:
    """What the signature of a task says that needs more than a generator."""
    found: dict[str, Any] = {}
    if task.cached:
        found |= _cached_parts(checkpoint, options)
    if task.judged and options.judge is not None:
        found["judge"] = describe(options.judge, judge)
    if task.retrieves:
        found |= _retriever(protocol, instruction, options)
    return found


def _check_embed_length(checkpoint: Checkpoint, options: RunOptions) -> None:
    length, positions = options.embed_length, checkpoint.max_positions
    if length and positions and length > positions:
        raise UsageError(
            f"--embed-length {length} is beyond the {positions} positions of {checkpoint.name}",
            f"pass {positions} or less",
        )


def _retriever(
    protocol: EmbeddingProtocol, instruction: Instruction | None, options: RunOptions
) -> dict[str, str | None]:
    """How a checkpoint searches, for the signature of what it reranks."""
    device = resolve_device(options.device)
    parts = (
        engine_version(protocol.engine),
        resolve_dtype(options.dtype, device, "embedding"),
        protocol.attention or "model",
        protocol.pooling,
        f"len{protocol.max_length}" if protocol.max_length else "len-model",
        # The protocol as a whole: wrapper, normalisation and a model's own prompts too.
        f"{protocol.instructions}#{digest(protocol.facts)[:6]}",
    )
    described = re.sub(r"[|\s]+", "-", "/".join(parts))
    return {"retriever": described, "instruction": instruction.text if instruction else None}


def _cached_parts(checkpoint: Checkpoint, options: RunOptions) -> dict[str, Any]:
    """How one model embeds and generates, for the signature; and who else searches."""
    protocol = checkpoint.embedding or EmbeddingProtocol(engine="transformers")
    found: dict[str, Any] = {
        "engine": engine_version("transformers-cached"),
        "max_length": options.embed_length or checkpoint.max_positions,
        "template": protocol.prefix("") + "{text}",
        "attention": protocol.attention,
        "pooling": protocol.pooling,
        "pool_instruction": protocol.pool_instruction or None,
        "normalize": True,
    }
    if other := options.retriever:
        assert other.embedding is not None
        how = digest(other.embedding.facts)[:6]
        found["retriever"] = f"{other.name}#{other.fingerprint[:8]}/{how}"
    return found


def _generative_signature(
    checkpoint: Checkpoint, task: Task, options: RunOptions, *, skipped: bool
) -> Signature:
    device = resolve_device(options.device)
    engine: str = generator_engine(options.engine)
    try:
        engine = engine_version(engine)
    except EngineError:
        # What is skipped anyway must not fail over an engine that is not there.
        if not skipped:
            raise
    return Signature(
        task=task.name,
        task_hash=task.hash,
        world="generative",
        harness=harness_version(task),
        engine=engine,
        device=device,
        dtype=resolve_dtype(options.dtype, device, "generative"),
        split=task.split,
        limit=options.limit,
        seed=options.seed,
        max_length=context_length(checkpoint.max_positions, None),
        chat_template=checkpoint.chat.template_hash if checkpoint.chat else "none",
        shots=task.shots,
        sampling="task",
        prefix_caching=options.prefix_caching and not task.cached,
    )
