"""Instruction sets: instruction texts by task, with an example of each task where they have one."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from pydantic import Field, field_validator, model_validator

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.task import Instruction, Name
from evalsuite.schema import Frozen
from evalsuite.yaml_file import YamlFile

NO_SETS: Final = ("task", "none", "model")
"""Values of ``--instructions`` that are not instruction sets."""

_VERSION = re.compile(r"\.v\d+$")
_FORUM = re.compile(r"^CQADupstack[A-Z][a-z]+Retrieval$")

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


class InstructionSet(Frozen):
    """Instruction texts by the name of the mteb task."""

    name: Name
    description: str = ""
    tasks: dict[str, Instruction] = Field(min_length=1)
    examples: Examples | None = None
    """For ``--shots 1``."""

    def with_example(self, task: str) -> Instruction | None:
        """The instruction of an mteb task with its example; ``None`` if the set has none."""
        instruction = self.find(task)
        if instruction is None or self.examples is None:
            return None
        return self.examples.extend(instruction, task)

    def find(self, task: str) -> Instruction | None:
        """The instruction of an mteb task.

        Sets say it once for all forums of CQADupstack, as ``CQADupstackRetrieval``, and for all
        revisions of a task (``STS22.v2``), whose texts differ and whose question does not.
        """
        for name in (task, _VERSION.sub("", task), _FORUM.sub("CQADupstackRetrieval", task)):
            if name in self.tasks:
                return self.tasks[name]
        return None

    @field_validator("tasks", mode="before")
    @classmethod
    def _text_means_both_sides(cls, raw: Any) -> Any:
        if not isinstance(raw, dict):
            return raw
        return {
            name: {"query": entry, "document": entry} if isinstance(entry, str) else entry
            for name, entry in raw.items()
        }


class InstructionSets(dict[str, InstructionSet]):
    """Name → instruction set; others are read from YAML files when somebody names one."""

    def __init__(self) -> None:
        super().__init__()
        self._read: dict[str, InstructionSet] = {}

    def find(self, name: str) -> InstructionSet:
        """Find an instruction set by name, or read it from a YAML file.

        Raises:
            UsageError: If there is neither.
        """
        if name in self:
            return self[name]
        path = Path(name)
        if path.suffix in (".yaml", ".yml"):
            if name not in self._read:  # a plan asks for it with each of its tasks
                file = YamlFile(path)
                mapping = file.mapping("an instruction set")
                self._read[name] = file.validate(InstructionSet, mapping)
            return self._read[name]
        known = [*self, *NO_SETS]
        raise UsageError(f"no instruction set is called {name!r}", did_you_mean(name, known))
