"""``--shots 1``: one example in the instruction, as the authors' ``eval_mteb.py`` puts it there.

Its forms (``SET_TO_FEWSHOT_PROMPT``) are written out here: the example after two newlines, on a
side without an instruction none (``if v else v``), then stripped and put into the GRIT format.
"""

from __future__ import annotations

from pathlib import Path

import mteb
import pyarrow.parquet as pq
import pytest
from mteb.types import PromptType

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.checkpoint.protocols import WRAPPERS
from evalsuite.kinds.mteb.encoder import resolve_prompt
from evalsuite.kinds.shared.instructions import with_example
from evalsuite.registry.load import Registry
from evalsuite.run.job import Job
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.store import Store

REGISTRY = Registry.load()
TABLE_4 = [
    "Banking77Classification",
    "EmotionClassification",
    "ImdbClassification",
    "BiorxivClusteringS2S",
    "SprintDuplicateQuestions",
    "TwitterSemEval2015",
    "TwitterURLCorpus",
    "ArguAna",
    "SCIDOCS",
    "AskUbuntuDupQuestions",
    "STS12",
    "SummEval",
]
KYOCERA = "a easy way to send a picture with text on my Kyocera DuraCore ?"
SPRINT = (
    f"Why is it impossible for me to find {KYOCERA}",
    "Send or receive a picture with text - Kyocera DuraCore",
)
ASK = (
    "what is a short cut i can use to switch applications ?",
    "keyboard short cut for switching between two or more instances of the same application ?",
)
STS12 = (
    "Counties with population declines will be Vermillion, Posey and Madison.",
    "Vermillion, Posey and Madison County populations will decline.",
)
MEDI2 = '\n\nThe provided query could be "{}" and the positive "{}"'


def grit(name: str) -> EmbeddingProtocol:
    return EmbeddingProtocol(
        engine="transformers",
        wrapper=WRAPPERS["gritlm"],
        instructions=name,
        attention="bidirectional",
        max_length=512,
    )


def prefix(name: str, task: str, side: PromptType | None) -> str:
    """What precedes a text of a task under an instruction set, example included."""
    protocol = grit(name)
    instruction = with_example(REGISTRY.task(task), protocol, REGISTRY.instruction_sets)
    assert instruction is not None
    metadata = mteb.get_task(REGISTRY.task(task).source).metadata
    return resolve_prompt(protocol, instruction, metadata, "unused", side).prefix


MATCH = '\n\nFor example given "{}", it would match with "{}"'
RETRIEVE = '\n\nFor example given "{}", you should retrieve "{}"'
BANKING = "Given a online banking query, find the corresponding intents"
BANKING_MEDI2 = (
    "Represent the text for finding another one-sentence banking query with the same intent"
)
CARD = "I am still waiting on my card?"
CARD_MEDI2 = "What can I do if my card still hasn't arrived after 2 weeks?"
FORUM = "Retrieve duplicate questions from AskUbuntu forum"
FORUM_MEDI2 = "Represent the query to find a duplicate query on the AskUbuntu community forum"
MEANING = "Represent the sentence to find another sentence with the same meaning"
QUERY, DOCUMENT = PromptType.query, PromptType.document


@pytest.mark.parametrize(
    ("name", "task", "side", "inner"),
    [
        ("e5", "Banking77Classification", None, BANKING + MATCH.format(CARD, "card_arrival")),
        ("e5", "STS12", None, "Retrieve semantically similar text." + MATCH.format(*STS12)),
        (
            "e5",
            "SprintDuplicateQuestions",
            None,
            "Retrieve duplicate questions from Sprint forum" + MATCH.format(*SPRINT),
        ),
        ("e5", "AskUbuntuDupQuestions", QUERY, FORUM + RETRIEVE.format(*ASK)),
        ("e5", "AskUbuntuDupQuestions", DOCUMENT, FORUM + RETRIEVE.format(*ASK[::-1])),
        # Documents without an instruction stay without an example.
        ("e5", "ArguAna", DOCUMENT, ""),
        ("e5", "SCIDOCS", DOCUMENT, ""),
        (
            "medi2",
            "Banking77Classification",
            None,
            BANKING_MEDI2 + MEDI2.format(CARD, CARD_MEDI2),
        ),
        ("medi2", "STS12", None, MEANING + MEDI2.format(*STS12)),
        ("medi2", "AskUbuntuDupQuestions", DOCUMENT, FORUM_MEDI2 + MEDI2.format(*ASK[::-1])),
    ],
)
def test_rendered_prompts(name: str, task: str, side: PromptType | None, inner: str) -> None:
    expected = f"<|user|>\n{inner}\n<|embed|>\n" if inner else "<|embed|>\n"
    assert prefix(name, task, side) == expected


@pytest.mark.parametrize("name", ["e5", "medi2"])
def test_all_of_table_4_have_an_example(name: str) -> None:
    assert list(REGISTRY.suite("grit-shots").tasks) == TABLE_4
    plain = REGISTRY.instructions(name)
    sided = {"ArguAna", "SCIDOCS", "AskUbuntuDupQuestions"}
    sided |= {"SummEval"} if name == "medi2" else set()
    for task in TABLE_4:
        found, bare = plain.with_example(task), plain.find(task)
        assert found is not None
        assert bare is not None
        form = 'The provided query could be "' if name == "medi2" else 'For example given "'
        for text, start in ((found.query, bare.query), (found.document, bare.document)):
            assert text.startswith(f"{start}\n\n{form}" if start else "")
            assert text.endswith('"') == bool(start)
            match = {True: '", you should retrieve "', False: '", it would match with "'}
            middle = '" and the positive "' if name == "medi2" else match[task in sided]
            assert text.count(middle) == bool(start)
        if task in sided and bare.document:
            first, second = found.query.removeprefix(bare.query), found.document
            assert first.split('"')[1] == second.split('"')[-2], "the other way round"
        else:
            assert bool(bare.document) == bool(found.document)
    assert plain.with_example("STS13") is None


@pytest.mark.realdata
def test_examples_are_rows_that_are_not_tested(shared_data: Path) -> None:
    """They are of the data set, as the paper says, but of its training split."""
    examples = REGISTRY.instructions("e5").examples
    assert examples is not None
    for folder, task in (
        ("banking77", "Banking77Classification"),
        ("emotion", "EmotionClassification"),
    ):
        pair = examples.tasks[task].query
        data = shared_data / "hub/mteb" / folder / "data"
        train, test = (
            {(row["text"], row["label_text"]) for row in pq.read_table(file).to_pylist()}
            for file in (next(data.glob("train-*")), next(data.glob("test-*")))
        )
        assert pair in train
        assert pair[0] not in {text for text, _ in test}
    [file] = (shared_data / "hub/mteb/sts12-sts/data").glob("test-*")
    tested = {text for row in pq.read_table(file).to_pylist() for text in row.values()}
    assert tested.isdisjoint(examples.tasks["STS12"].query)


def job(task: str, store: Path, protocol: EmbeddingProtocol, shots: int) -> Job:
    checkpoint = Checkpoint(
        name="tiny",
        source="tiny",
        path=Path("tiny"),
        fingerprint="1" * 64,
        kind="grit",
        evidence=(),
        embedding=protocol,
        chat=None,
    )
    options = RunOptions.model_validate({"device": "cpu", "shots": shots})
    found = make_plan([checkpoint], [REGISTRY.task(task)], options, REGISTRY, Store(store))
    return found.jobs[0]


def test_the_signature_tells_the_example(tmp_path: Path) -> None:
    without, one = (job("STS12", tmp_path, grit("e5"), shots) for shots in (0, 1))
    assert without.todo
    assert one.todo
    assert without.signature.shots is None
    assert one.signature.shots == 1
    assert "|shots:1|" in one.signature.short()
    assert one.signature.instruction is not None
    assert STS12[0] in one.signature.instruction
    assert without.signature.plan_key != one.signature.plan_key
    # Another example under the same number of shots is another score.
    medi2 = job("STS12", tmp_path, grit("medi2"), 1)
    assert medi2.signature.plan_key != one.signature.plan_key


@pytest.mark.parametrize(
    ("task", "protocol", "why"),
    [
        ("STS13", grit("e5"), "instruction set e5 has no example of the task"),
        ("smoke-sts", grit("task"), "instruction set task has no example of the task"),
        (
            "STS12",
            EmbeddingProtocol(engine="transformers"),
            "--shots 1 needs instructions to put the example in",
        ),
    ],
)
def test_without_an_example_a_task_is_skipped(
    task: str, protocol: EmbeddingProtocol, why: str, tmp_path: Path
) -> None:
    assert job(task, tmp_path, protocol, 1).skip == why
    assert job(task, tmp_path, protocol, 0).skip is None
