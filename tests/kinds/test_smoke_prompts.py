"""Every prompt of the suite ``smoke``, letter by letter, for the first test item."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalsuite.engines.load import load_encoder
from evalsuite.kinds.lm_eval.harness import LmEvalHarness
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.paths import shipped_tasks
from evalsuite.registry.load import Registry
from evalsuite.sandbox.sandbox import why_unavailable
from helpers.contexts import make_context
from helpers.tiny_encoders import checkpoint as grit_checkpoint
from helpers.tiny_encoders import save_model
from helpers.tiny_lm import make_tiny_lm

DATA = shipped_tasks() / "smoke" / "data"


def first(file: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads((DATA / file).read_text(encoding="utf-8").splitlines()[0])
    return row


def document(row: dict[str, Any]) -> str:
    """Title and text with one space between (protocol of MTEB and of the GRIT paper)."""
    return f"{row['title']} {row['text']}"


# GRIT's embedding format: <|user|>, instruction, <|embed|>, text; documents of retrieval have no
# instruction (paper, Figure 3 and Table 33).
EMBEDDING = {
    "smoke-classification": {
        "text": "<|user|>\nGiven a message to a library's help desk, find the request it makes\n"
        "<|embed|>\n" + first("classification.test.jsonl")["text"]
    },
    "smoke-clustering": {
        "text": "<|user|>\nIdentify the topic of the given article titles\n<|embed|>\n"
        + first("clustering.jsonl")["texts"][0]
    },
    "smoke-pair-classification": {
        "text": "<|user|>\nRetrieve questions that ask the same as the given question\n<|embed|>\n"
        + first("pairs.jsonl")["sentence1"]
    },
    "smoke-reranking": {
        "query": "<|user|>\nGiven a search query, retrieve passages that answer it\n<|embed|>\n"
        + first("reranking.jsonl")["query"],
        "document": "<|user|>\nGiven a search query, retrieve passages that answer it\n<|embed|>\n"
        + first("reranking.jsonl")["positive"][0],
    },
    "smoke-retrieval": {
        "query": "<|user|>\nGiven a question, retrieve passages that answer the question\n"
        "<|embed|>\n" + first("retrieval.queries.jsonl")["text"],
        "document": "<|embed|>\n" + document(first("retrieval.corpus.jsonl")),
    },
    "smoke-sts": {
        "text": "<|user|>\nRetrieve semantically similar text\n<|embed|>\n"
        + first("sts.jsonl")["sentence1"]
    },
    "smoke-summarization": {
        side: "<|user|>\nGiven a news summary, retrieve other semantically similar summaries\n"
        "<|embed|>\n" + first("summarization.jsonl")[column][0]
        for side, column in (("query", "human_summaries"), ("document", "machine_summaries"))
    },
}

SHOTS = (
    "Question: A drawer has 9 spoons. Iris puts in 6 more spoons. How many spoons are in the"
    " drawer now?\nAnswer: The drawer has 9 + 6 = 15 spoons. The answer is 15.\n\n"
    "Question: Felix has 30 tickets. He sells 4 tickets to each of 5 people. How many tickets does"
    " he have left?\nAnswer: He sells 5 * 4 = 20 tickets. He has 30 - 20 = 10 tickets left. The"
    " answer is 10.\n\n"
    "Question: A fruit stall has 6 baskets with 8 oranges each. 18 oranges are sold. How many"
    " oranges are left?\nAnswer: There are 6 * 8 = 48 oranges at first. After the sale 48 - 18 = 30"
    " oranges are left. The answer is 30.\n\n"
    "Question: Mona buys 2 kites for 9 dollars each and 5 balls for 3 dollars each. How many"
    " dollars does she pay?\nAnswer: The kites cost 2 * 9 = 18 dollars. The balls cost 5 * 3 = 15"
    " dollars. She pays 18 + 15 = 33 dollars. The answer is 33.\n\n"
)
BRINDLE = first("reading.shots.jsonl")["passage"]
TARNBECK = first("reading.jsonl")["passage"]
ASK = "Answer the question with a few words from the passage.\nPassage: "
CODE = (
    'def sum_of_pair(a: int, b: int) -> int:\n    """Return the sum of the two numbers a and b.\n\n'
    '    >>> sum_of_pair(2, 5)\n    7\n    """'
)
# What the user says, and what the answer is made to begin with.
GENERATIVE = {
    "smoke-multiple-choice": (
        "Question: Which continent is the country of Egypt mainly in?",
        "Answer:",
    ),
    "smoke-arithmetic": (
        SHOTS + "Question: Maya has 3 apples. Her brother gives her 2 more. How many apples does"
        " Maya have now?",
        "Answer:",
    ),
    "smoke-reading": (
        (
            f"{ASK}{BRINDLE}\nQuestion: On which side is the face that stopped?\n"
            f"Answer: the north side\n\n"
            f"{ASK}{TARNBECK}\nQuestion: What do the children carry during the walk?"
        ),
        "Answer:",
    ),
    "smoke-code": (
        (
            "Write a Python function `sum_of_pair(a, b)` that returns the sum of the two numbers"
            " `a` and `b`."
        ),
        CODE,
    ),
}


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load()


def test_all_tasks_of_the_suite_are_here(registry: Registry) -> None:
    assert {*EMBEDDING, *GENERATIVE} == set(registry.suite("smoke").tasks)


@pytest.mark.parametrize("name", EMBEDDING)
def test_embedding_prompts(name: str, registry: Registry, tmp_path: Path) -> None:
    model = save_model(tmp_path / "model", "llama")
    checkpoint = grit_checkpoint(model, instructions="task", max_length=256)
    task = registry.task(name)
    context = make_context(checkpoint=checkpoint, workdir=tmp_path, instruction=task.instruction)
    encoder = load_encoder(checkpoint, weights=False)
    shown = {p.side: p.text for p in MtebHarness().preview(task, encoder, context)}
    assert shown == EMBEDDING[name]


@pytest.mark.parametrize("chat", [True, False])
@pytest.mark.parametrize("name", GENERATIVE)
def test_generative_prompts(name: str, chat: bool, registry: Registry, tmp_path: Path) -> None:
    if name == "smoke-code" and (reason := why_unavailable()):
        pytest.skip(reason)
    checkpoint = make_tiny_lm(tmp_path / "model", chat=chat, positions=4096)
    context = make_context(checkpoint=checkpoint, workdir=tmp_path)
    [preview] = LmEvalHarness().preview(registry.task(name), context)
    said, begun = GENERATIVE[name]
    if chat:
        assert preview.text == f"<s><|user|>\n{said}\n<|assistant|>\n{begun}"
    elif name == "smoke-code":
        assert preview.text == begun
    else:
        assert preview.text == f"{said}\n{begun}"
    bos = 0
    assert preview.token_ids[0] == bos
    assert preview.token_ids[1] != bos
