"""Which instruction a task gets under a protocol, and how a signature names where it is from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from evalsuite.checkpoint.models import EmbeddingProtocol
from evalsuite.kinds.shared.instruction_sets import NO_SETS, InstructionSets
from evalsuite.kinds.task import EmbeddedTask, Instruction
from evalsuite.schema import digest


def find_instruction(
    task: EmbeddedTask, protocol: EmbeddingProtocol, sets: InstructionSets
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
        found = sets.find(protocol.instructions).find(task.source or task.name)
        if found is not None:
            return found
    return task.instruction


def with_example(
    task: EmbeddedTask, protocol: EmbeddingProtocol, sets: InstructionSets
) -> Instruction | None:
    """The instruction with one example, as the GRIT paper's section 3.4 has it.

    Returns:
        ``None`` where the protocol's instruction set has no example of the task.
    """
    if protocol.wrapper is None or protocol.instructions in NO_SETS:
        return None
    return sets.find(protocol.instructions).with_example(task.source or task.name)


def no_example(protocol: EmbeddingProtocol) -> str:
    """Why a task has no instruction with an example."""
    if protocol.wrapper is None or protocol.instructions in ("none", "model"):
        return "--shots 1 needs instructions to put the example in"
    return f"instruction set {protocol.instructions} has no example of the task"


def outside_set(task: EmbeddedTask, protocol: EmbeddingProtocol, sets: InstructionSets) -> bool:
    """Whether a task gets its own text because the protocol's set has no entry for it."""
    if protocol.instructions in NO_SETS:
        return False
    return sets.find(protocol.instructions).find(task.source or task.name) is None


def set_name(protocol: EmbeddingProtocol, sets: InstructionSets) -> str:
    """A protocol's instruction set as signatures name it.

    A file is named without its folder and with a hash of what it says, since neither where it
    lies nor how it is laid out matters to a score.
    """
    name = protocol.instructions
    if name in NO_SETS or name in sets:
        return name
    content = digest(sets.find(name).model_dump(mode="json"))[:6]
    return re.sub(r"[|\s]+", "-", f"{Path(name).name}#{content}")


def outside_set_line(set_: str, tasks: Sequence[str]) -> str:
    """The warning about tasks that a set has no entry for."""
    number = f"{len(tasks)} task" + ("s" if len(tasks) > 1 else "")
    return f"instruction set {set_} lacks {number}, run with their own text: {', '.join(tasks)}"
