"""Which instruction a task gets, and how its signature says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.errors import UsageError
from evalsuite.kinds.shared.instructions import find_instruction
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Instruction, Task
from evalsuite.registry.load import Registry
from evalsuite.store import Store
from helpers.planned import CHECKPOINT, GRIT, plan_one


def test_an_instruction_set_that_is_not_there(registry: Registry, store: Store) -> None:
    other = CHECKPOINT.model_copy(
        update={"embedding": GRIT.model_copy(update={"instructions": "e6"})}
    )
    with pytest.raises(UsageError, match="no instruction set is called 'e6'"):
        plan_one(registry, store, checkpoint=other)


def written_set(folder: Path, text: str) -> str:
    folder.mkdir()
    path = folder / "own set.yaml"
    path.write_text(text)
    return str(path)


def under(instructions: str) -> Checkpoint:
    protocol = GRIT.model_copy(update={"instructions": instructions})
    return CHECKPOINT.model_copy(update={"embedding": protocol})


def test_a_set_that_is_a_file_is_named_by_its_content(
    registry: Registry, store: Store, tmp_path: Path
) -> None:
    text = "name: s\ntasks: {mine: Find it}\n"
    here = plan_one(registry, store, checkpoint=under(written_set(tmp_path / "a", text)))
    there = plan_one(registry, store, checkpoint=under(written_set(tmp_path / "b", text)))
    assert here.signature == there.signature, "where it lies does not matter"
    named = re.fullmatch(r"own-set\.yaml#[0-9a-f]{6}", here.signature.instructions or "")
    assert named, here.signature.instructions
    assert here.signature.instruction == "Find it"
    more = written_set(tmp_path / "c", text.replace("}", ", other: x}"))
    assert plan_one(registry, store, checkpoint=under(more)).signature != here.signature


@pytest.mark.parametrize("instructions", ["e5", "none", "task"])
def test_a_task_that_its_set_lacks_says_so(
    registry: Registry, store: Store, instructions: str
) -> None:
    job = plan_one(registry, store, checkpoint=under(instructions))
    lacks = instructions == "e5"
    assert job.outside == ("e5" if lacks else None)
    assert f"|instr:{instructions}{'(task)' if lacks else ''}|" in job.signature.short()
    inside = plan_one(registry, store, "mteb:STS12", under(instructions))
    assert inside.outside is None
    assert f"|instr:{instructions}|" in inside.signature.short()
    assert inside.signature.protocol == job.signature.protocol, "both belong into one row"


def test_what_is_reranked_says_that_its_set_lacks_the_task(store: Store) -> None:
    registry = Registry.load()
    job = plan_one(registry, store, "smoke-rerank", under("e5"))
    assert job.outside == "e5"
    assert re.search(r"\|retriever:\S*/e5#[0-9a-f]{6}\(task\)\|", job.signature.short())


OWN = Instruction(query="own text", document="own text")
STS12 = make_task(name="mteb:STS12", kind="mteb", source="STS12")
STS12_OWN = make_task(name="sts", kind="mteb", source="STS12", instruction=OWN)
E5_STS12 = Instruction(
    query="Retrieve semantically similar text.", document="Retrieve semantically similar text."
)
UNKNOWN = make_task(name="mteb:New", kind="mteb", source="New")
UNKNOWN_OWN = make_task(name="new", kind="mteb", source="New", instruction=OWN)


@pytest.mark.parametrize(
    ("instructions", "task", "expected"),
    [
        # The set's entry, then the task file's text, then (None) the harness's own.
        ("e5", STS12, E5_STS12),
        ("e5", STS12_OWN, E5_STS12),
        ("e5", UNKNOWN_OWN, OWN),
        ("e5", UNKNOWN, None),
        # No set: the task file's text, then the harness's own.
        ("task", STS12_OWN, OWN),
        ("task", STS12, None),
        # None at all, on either side.
        ("none", STS12_OWN, Instruction()),
        ("none", STS12, Instruction()),
        # The prompts that a model brings along.
        ("model", STS12_OWN, None),
    ],
)
def test_which_instruction_counts(
    instructions: str, task: Task, expected: Instruction | None
) -> None:
    protocol = GRIT.model_copy(update={"instructions": instructions})
    assert find_instruction(task, protocol, Registry.load().instruction_sets) == expected
