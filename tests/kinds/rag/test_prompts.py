"""What the model is given in each row of Table 7: the texts of the authors' ``rag/eval.py``."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint, EmbeddingProtocol, Wrapper
from evalsuite.engines.transformers.unified_texts import UnifiedTexts
from evalsuite.kinds.rag.data import Passage
from evalsuite.kinds.rag.prompts import Prompts, whole
from evalsuite.kinds.rag.scores import score
from helpers.tiny_lm import TEMPLATE, make_tiny_lm

QUERY, DOCUMENT = "who?", "Title Text."
BOS = "<s>"

# Method → the cached (or first) parts, and the prompt; a BOS stands where the model gets one.
GOLDEN = {
    "none": ([], "<s><|user|>\nwho?\n<|assistant|>\nThe answer is"),
    "query-doc": (
        [],
        (
            "<s><|user|>\nwho?\n\nTitle Text.\n\nOptionally using the prior context answer the "
            "query prior to it\n<|assistant|>\nThe answer is"
        ),
    ),
    "doc-query": (
        [],
        (
            "<s><|user|>\nTitle Text.\n\nwho?\n\nAnswer the prior query while optionally using the "
            "context prior to it\n<|assistant|>\nThe answer is"
        ),
    ),
    "query-cache": (
        ["<s><|embed|>\nwho?"],
        (
            "\n<|user|>\nTitle Text.\n\nOptionally using the prior context answer the query prior "
            "to it\n<|assistant|>\nThe answer is"
        ),
    ),
    "doc-cache": (
        ["<s><|embed|>\nTitle Text."],
        (
            "\n<|user|>\nwho?\n\nAnswer the prior query while optionally using the context "
            "prior to it\n<|assistant|>\nThe answer is"
        ),
    ),
    "query-doc-cache": (
        ["<s><|embed|>\nwho?", "\n<|embed|>\nTitle Text."],
        (
            "\n<|user|>\nOptionally using the prior context answer the query prior to it"
            "\n<|assistant|>\nThe answer is"
        ),
    ),
    "doc-query-cache": (
        ["<s><|embed|>\nTitle Text.", "<s><|embed|>\nwho?"],
        (
            "\n<|user|>\nAnswer the prior query while optionally using the context prior to it"
            "\n<|assistant|>\nThe answer is"
        ),
    ),
}
GOLDEN["query-doc-embed"] = GOLDEN["query-cache"]
GOLDEN["doc-query-embed"] = GOLDEN["doc-cache"]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    made = make_tiny_lm(tmp_path_factory.mktemp("rag") / "model", positions=1024)
    protocol = EmbeddingProtocol(
        engine="transformers",
        wrapper=Wrapper(template="<|user|>\n{instruction}\n<|embed|>\n", bare="<|embed|>\n"),
        attention="bidirectional",
    )
    return made.model_copy(update={"embedding": protocol, "kind": "grit"})


@pytest.mark.parametrize("method", GOLDEN)
def test_parts_and_prompt(checkpoint: Checkpoint, method: str) -> None:
    texts = UnifiedTexts(checkpoint)
    given = Prompts(checkpoint, texts, "The answer is").build(method, QUERY, DOCUMENT)  # type: ignore[arg-type]
    parts, prompt = GOLDEN[method]
    assert [texts.tokenizer.decode(part) for part in given.parts] == parts
    assert texts.tokenizer.decode(given.ids) == prompt
    assert given.whole == tuple(i for part in given.parts for i in part) + given.ids


def test_a_chat_template_makes_the_turn_and_writes_its_own_bos(checkpoint: Checkpoint) -> None:
    chat = ChatProtocol(template=TEMPLATE, template_hash="x")
    other = checkpoint.model_copy(update={"kind": "causal", "chat": chat})
    texts = UnifiedTexts(other)
    prompts = Prompts(other, texts, "The answer is")
    alone = prompts.build("none", QUERY, "")
    assert texts.tokenizer.decode(alone.ids) == "<s><|user|>\nwho?\n<|assistant|>\nThe answer is"
    assert BOS not in texts.tokenizer.decode(prompts.build("doc-cache", QUERY, DOCUMENT).ids)


def test_a_long_document_is_cut_to_what_fits(checkpoint: Checkpoint) -> None:
    texts = UnifiedTexts(checkpoint)
    prompts = Prompts(checkpoint, texts, "The answer is")
    cut, was_cut = prompts.fitted("word " * 1000, QUERY, 16)
    assert was_cut
    for method in GOLDEN:
        assert len(prompts.build(method, QUERY, cut).whole) + 16 <= 1024  # type: ignore[arg-type]
    assert prompts.fitted(DOCUMENT, QUERY, 16) == (DOCUMENT, False)


def test_a_document_without_a_title_has_no_space_before_it() -> None:
    assert whole(Passage("1", "Title", "Text.")) == DOCUMENT
    assert whole(Passage("1", "", "Text.")) == "Text."


@pytest.mark.parametrize(
    ("answer", "right", "expected"),
    [
        # match: a right answer, normalised, is a substring of the answer, normalised.
        (": The Bay of Lorn, in Hint", ["Bay of Lorn"], (1, 0, 2 * 3 / (5 + 3))),
        ("the LORN!", ["Pell", "Lorn"], (1, 1, 1)),
        ("Lor", ["Lorn"], (0, 0, 0)),
        ("12,400", ["12400"], (1, 1, 1)),
        ("anything", ["the"], (0, 0, 0)),  # normalised, this right answer is empty
        ("", ["Lorn"], (0, 0, 0)),
    ],
)
def test_metrics(answer: str, right: list[str], expected: tuple[float, float, float]) -> None:
    found = score(answer, right)
    assert (found["match"], found["exact_match"], found["f1"]) == pytest.approx(expected)


def test_the_built_in_answers_stand_in_their_documents() -> None:
    import json

    folder = Path(__file__).parents[3] / "tasks/rag/data"
    rows = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    texts = {row["id"]: f"{row['title']} {row['text']}" for row in rows}
    questions = (folder / "questions.jsonl").read_text().splitlines()
    assert len(rows) >= 60
    assert len(questions) >= 60
    for line in questions:
        question = json.loads(line)
        assert score(texts[question["document"]], question["answers"])["match"] == 1, question
