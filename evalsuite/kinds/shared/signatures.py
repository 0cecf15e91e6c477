"""The parts of signatures that several kinds have in common."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Final

from evalsuite.checkpoint.models import EmbeddingProtocol
from evalsuite.checkpoint.protocols import unusual_bare
from evalsuite.engines.choice import context_length
from evalsuite.engines.device import engine_version
from evalsuite.errors import EngineError
from evalsuite.kinds.base import Planning
from evalsuite.kinds.shared.instructions import find_instruction, outside_set, set_name
from evalsuite.kinds.task import EmbeddedTask, Instruction, Task
from evalsuite.schema import Signature

ENGINE_LIBRARIES: Final[dict[str, tuple[str, ...]]] = {
    "sentence-transformers": ("tokenizers", "transformers"),
    "transformers": ("tokenizers",),
    "vllm": ("tokenizers", "transformers"),
}
"""Engine that embeds → distributions below it whose version can move a vector."""


def protocol_of(planning: Planning) -> EmbeddingProtocol:
    """How the checkpoint embeds; for one that cannot, what a skipped task's signature says."""
    return planning.checkpoint.embedding or EmbeddingProtocol(engine="transformers")


def instructed(
    task: EmbeddedTask, planning: Planning
) -> tuple[EmbeddingProtocol, Instruction | None, bool]:
    """How a checkpoint embeds a task's texts.

    Returns:
        The protocol, with its instruction set named as signatures name it; the instruction; and
        whether the set lacks the task, so that the task's own text is used.
    """
    protocol = protocol_of(planning)
    instruction = find_instruction(task, protocol, planning.sets)
    lacking = outside_set(task, protocol, planning.sets)
    named = protocol.model_copy(update={"instructions": set_name(protocol, planning.sets)})
    return named, instruction, lacking


def embedding_signature(
    task: EmbeddedTask,
    planning: Planning,
    protocol: EmbeddingProtocol,
    instruction: Instruction | None,
    harness: str,
    libraries: tuple[str, ...] = (),
) -> Signature:
    """The signature of a task that only embeds.

    Args:
        task: The task.
        planning: What is known of checkpoint and run.
        protocol: How the checkpoint embeds.
        instruction: What precedes the texts.
        harness: Name and version of what scores.
        libraries: Distributions that the harness computes the score with, where their version
            can move it.
    """
    options = planning.options
    return Signature(
        task=task.name,
        task_hash=task.hash,
        world="embedding",
        harness=harness,
        engine=engine_version(protocol.engine),
        device=options.device,
        dtype=options.embedding_dtype,
        split=task.split,
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
        dims=planning.form.dims,
        vectors=planning.form.rounding,
        libraries=with_versions((*libraries, *ENGINE_LIBRARIES[protocol.engine])),
        batch_invariant=(options.deterministic and protocol.engine == "vllm") or None,
        **protocol.traits,
        **planning.checkpoint.traits,
    )


def with_versions(names: Iterable[str]) -> str | None:
    """Distributions with their installed versions, as signatures state them; ``None`` for none."""
    found = []
    for name in sorted(set(names)):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return ", ".join(found) or None


def generative_signature(
    task: Task,
    planning: Planning,
    harness: str,
    *,
    split: str | None = None,
    shots: int | None = None,
) -> Signature:
    """The signature of a task whose answers a generator gives.

    Args:
        task: The task.
        planning: What is known of checkpoint and run.
        harness: Name and version of what scores.
        split: The part of the data set, where the task file names one.
        shots: Few-shot examples, where the task file gives their number.

    Raises:
        EngineError: If the engine is needed and not installed.
    """
    checkpoint, options = planning.checkpoint, planning.options
    return Signature(
        task=task.name,
        task_hash=task.hash,
        world="generative",
        harness=harness,
        engine=_generator(planning),
        device=options.device,
        dtype=options.generative_dtype,
        split=split,
        limit=options.limit,
        seed=options.seed,
        max_length=context_length(checkpoint.max_positions, None),
        chat_template=checkpoint.chat.template_hash if checkpoint.chat else "none",
        shots=shots,
        sampling="task",
        prefix_caching=options.shares_beginnings(checkpoint),
        batch_invariant=(options.deterministic and options.generator == "vllm") or None,
        **checkpoint.traits,
    )


def _generator(planning: Planning) -> str:
    """The generator with its version; without one, if nothing is going to run anyway."""
    try:
        return engine_version(planning.options.generator)
    except EngineError:
        if planning.runs:
            raise
        return planning.options.generator
