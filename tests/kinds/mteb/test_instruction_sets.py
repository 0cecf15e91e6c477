"""What precedes each text of the 56 data sets under each of the six instruction sets.

The expected prefixes are put together here from the authors' own table and format functions
(``eval_mteb.py``: ``SET_TO_TASK_TO_DS_TO_PROMPT``, ``NAME_TO_FUNC``), not from evalsuite's files.
The table is not part of this repository. ``instruction_hashes.json`` holds hashes of what it gives,
so that every clone checks the texts; where the table is, it is checked that they are its hashes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mteb
import pytest
from mteb.types import PromptType

from evalsuite.checkpoint.models import EmbeddingProtocol
from evalsuite.checkpoint.protocols import WRAPPERS
from evalsuite.kinds.mteb.encoder import MtebEncoder, resolve_prompt
from evalsuite.kinds.shared.instructions import find_instruction
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry

REGISTRY = Registry.load()
GRIT_56 = REGISTRY.suite("grit-embedding")
TASKS = [REGISTRY.task(name) for name in GRIT_56.tasks]

FORMATS = {
    "gritlm": lambda i: "<|user|>\n" + i + "\n<|embed|>\n" if i else "<|embed|>\n",
    "zephyr": lambda i: "<|user|>\n" + i + "</s>\n<|assistant|>\n",
    "tulu": lambda i: "<|user|>\n" + i + "\n<|assistant|>\n",
    "mistral": lambda i: "[INST] " + i + " [/INST] ",
}

COUNTS = {
    "e5": 67,
    "medi2": 67,
    "instructor-xl": 67,
    "instructor-base": 36,
    "bge-large-en-v1.5": 7,
    "e5-mistral-7b-instruct": 67,
}
"""Set → tasks: 56 data sets, CQADupstack in 12 parts; STS (10) + retrieval (15 + 11); 7 of BGE."""

HASHES = Path(__file__).with_name("instruction_hashes.json")
"""Set → task → a hash of the query side and one of the document side, see ``hashed``."""


def authors_entry(table: dict[str, Any], task: Task, kind: str) -> Any:
    """``instruction = …[task_type][task_name]``, with one entry for all of CQADupstack."""
    entries = table.get(kind, {})
    if task.name.startswith("CQADupstack") and "CQADupstackRetrieval" in entries:
        return entries["CQADupstackRetrieval"]
    return entries.get(task.name)


def cases(shared: Path) -> Iterator[tuple[str, Task, dict[str, str]]]:
    """(set, task, side → instruction of the authors), where the set has the task."""
    content = json.loads((shared.parent / "reference" / "instructions.json").read_text())
    for name, table in content.items():
        for task in TASKS:
            entry = authors_entry(table, task, mteb.get_task(task.source).metadata.type)
            if entry is not None:
                both = {"query": entry, "corpus": entry}
                yield name, task, entry if isinstance(entry, dict) else both


def prefix(task: Task, name: str, wrapper: str, side: PromptType) -> str:
    protocol = EmbeddingProtocol(
        engine="transformers", wrapper=WRAPPERS[wrapper], instructions=name
    )
    found = find_instruction(task, protocol, REGISTRY.instruction_sets)
    assert found is not None
    loaded = mteb.get_task(task.source)
    return resolve_prompt(protocol, found, loaded.metadata, "", side).prefix


def hashed(texts: list[str]) -> str:
    """One hash over what precedes a text under each wrapper."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:12]


def hash_of_the_authors(instruction: str) -> str:
    """Of one side: ``gritlm`` and the plain text, and the other formats if there is a text."""
    formats = FORMATS if instruction else {"gritlm": FORMATS["gritlm"]}
    return hashed([*(wrap(instruction.strip(": \n")) for wrap in formats.values()), instruction])


def hash_of_ours(task: Task, name: str, side: PromptType) -> str:
    raw = prefix(task, name, "raw", side)
    formats = FORMATS if raw else ["gritlm"]
    return hashed([*(prefix(task, name, wrapper, side) for wrapper in formats), raw])


def test_both_sides_of_all_tasks_under_all_sets_by_their_hashes() -> None:
    table = json.loads(HASHES.read_text())
    assert {name: len(tasks) for name, tasks in table.items()} == COUNTS
    for name, tasks in table.items():
        for task, wanted in tasks.items():
            found = [
                hash_of_ours(REGISTRY.task(task), name, side)
                for side in (PromptType.query, PromptType.document)
            ]
            assert found == wanted.split(), (name, task)


@pytest.mark.realdata
def test_the_hashes_are_those_of_the_authors_table(shared_data: Path) -> None:
    table: dict[str, dict[str, str]] = {}
    for name, task, sides in cases(shared_data):
        both = (hash_of_the_authors(sides[key]) for key in ("query", "corpus"))
        table.setdefault(name, {})[task.name] = " ".join(both)
    assert json.loads(HASHES.read_text()) == table


def test_there_are_56() -> None:
    members = {task for mean in GRIT_56.subtask_means for task in mean.mean_of}
    assert len(members) == 12
    assert len(set(GRIT_56.tasks) - members) + len(GRIT_56.subtask_means) == 56


@pytest.mark.realdata
@pytest.mark.parametrize("wrapper", FORMATS)
def test_both_sides_of_all_tasks_under_all_sets(wrapper: str, shared_data: Path) -> None:
    seen: dict[str, int] = {}
    for name, task, sides in cases(shared_data):
        seen[name] = seen.get(name, 0) + 1
        for side, key in ((PromptType.query, "query"), (PromptType.document, "corpus")):
            expected = FORMATS[wrapper](sides[key].strip(": \n"))
            if sides[key] == "" and wrapper != "gritlm":
                continue  # the authors' other formats have no form for "no instruction"
            assert prefix(task, name, wrapper, side) == expected, (name, task.name, key)
    assert seen == COUNTS


@pytest.mark.realdata
def test_the_raw_wrapper_gives_sets_as_they_are(shared_data: Path) -> None:
    for name, task, sides in cases(shared_data):
        for side, key in ((PromptType.query, "query"), (PromptType.document, "corpus")):
            assert prefix(task, name, "raw", side) == sides[key]


def test_a_set_without_the_task_leaves_mtebs_own_instruction() -> None:
    protocol = EmbeddingProtocol(
        engine="transformers", wrapper=WRAPPERS["raw"], instructions="bge-large-en-v1.5"
    )
    task = REGISTRY.task("STSBenchmark")
    assert find_instruction(task, protocol, REGISTRY.instruction_sets) is None


@pytest.mark.parametrize(
    ("task", "same_as"),
    [
        ("STS22.v2", "STS22"),
        ("BiorxivClusteringP2P.v2", "BiorxivClusteringP2P"),
        ("CQADupstackUnixRetrieval", "CQADupstackRetrieval"),
    ],
)
def test_forums_and_revisions_share_an_instruction(task: str, same_as: str) -> None:
    e5 = REGISTRY.instructions("e5")
    assert e5.find(task) == e5.tasks[same_as]


def test_a_task_of_its_own_name_shares_nothing() -> None:
    assert REGISTRY.instructions("e5").find("FEVERHardNegatives") is None


class Recorder:
    """An encoder that only notes prefixes."""

    version = "recorder 1"

    def __init__(self) -> None:
        self.calls: list[tuple[str, list[str]]] = []

    def encode(self, texts: list[str], prefix: str, progress: Any) -> Any:
        import numpy as np

        self.calls.append((prefix, list(texts)))
        return np.random.default_rng(0).normal(size=(len(texts), 4)).astype("float32")


def test_summaries_by_people_and_by_machines_have_sides_of_their_own() -> None:
    """medi2, Table 34 of the paper: the two kinds of summary are told apart."""
    from datasets import Dataset

    from helpers.bag_of_words import checkpoint

    task = REGISTRY.task("SummEval")
    loaded = mteb.get_task("SummEval")
    rows = {
        "text": ["a", "b"],
        "human_summaries": [["h1", "h2"], ["h3", "h4"]],
        "machine_summaries": [["m1", "m2"], ["m3", "m4"]],
        "relevance": [[1.0, 2.0], [2.0, 1.0]],
    }
    loaded.dataset = {"test": Dataset.from_dict(rows)}
    loaded.data_loaded = True
    protocol = EmbeddingProtocol(
        engine="transformers", wrapper=WRAPPERS["gritlm"], instructions="medi2"
    )
    instruction = find_instruction(task, protocol, REGISTRY.instruction_sets)
    recorder = Recorder()
    model = MtebEncoder(
        recorder,  # type: ignore[arg-type]
        checkpoint(),
        lambda side: resolve_prompt(protocol, instruction, loaded.metadata, "", side),
        lambda done, total: None,
    )
    loaded.evaluate(model, "test", encode_kwargs={"batch_size": 8})
    human, machine = recorder.calls
    assert human[1] == ["h1", "h2", "h3", "h4"]
    assert human[0].startswith("<|user|>\nRepresent the human-written summary to find")
    assert machine[1] == ["m1", "m2", "m3", "m4"]
    assert machine[0].startswith("<|user|>\nRepresent the machine-written summary to find")
