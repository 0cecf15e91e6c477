"""Examples that go into instructions: one-shot embedding."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from evalsuite.registry.models import Instruction
from evalsuite.schema import Frozen

Pair = tuple[str, str]
"""A text and what matches it."""


class Example(Frozen):
    """An example of a task, which a pair in YAML gives for both sides at once."""

    query: Pair
    document: Pair
    sided: bool = False
    """Whether queries and documents have examples of their own."""

    @model_validator(mode="before")
    @classmethod
    def _from_pair_or_sides(cls, raw: Any) -> Any:
        if isinstance(raw, (list, tuple)):
            return {"query": raw, "document": raw}
        return {**raw, "sided": True} if isinstance(raw, dict) and "sided" not in raw else raw


class Examples(Frozen):
    """The examples of an instruction set."""

    form: str
    """What is appended to an instruction, with ``{0}`` and ``{1}`` in the texts' places."""
    sided_form: str
    """The same where queries and documents have instructions of their own: in the authors' sets
    retrieval and reranking (and summarization in medi2)."""
    tasks: dict[str, Example] = Field(min_length=1)

    def extend(self, instruction: Instruction, task: str) -> Instruction | None:
        """An instruction with the example of a task; a side without one stays without example.

        Args:
            instruction: As the set has it.
            task: Name of the mteb task.

        Returns:
            ``None`` if the set has no example of the task.
        """
        example = self.tasks.get(task)
        if example is None:
            return None
        form = self.sided_form if example.sided else self.form

        def side(text: str, pair: Pair) -> str:
            return text + form.format(*pair) if text else text

        return Instruction(
            query=side(instruction.query, example.query),
            document=side(instruction.document, example.document),
        )
