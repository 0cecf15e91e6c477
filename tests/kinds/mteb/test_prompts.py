"""Which text precedes which side of a task: one table."""

from __future__ import annotations

import mteb
import pytest
from mteb.models.model_implementations import e5_instruct, qwen3_models
from mteb.types import PromptType

from evalsuite.checkpoint.models import EmbeddingProtocol
from evalsuite.checkpoint.protocols import QUERIES_ONLY, WRAPPERS
from evalsuite.kinds.mteb.encoder import resolve_prompt
from evalsuite.kinds.task import Instruction
from helpers.bag_of_words import GRIT

QUERY, DOCUMENT = PromptType.query, PromptType.document
FIND = "Given a claim, find documents that refute the claim"


def prefix(
    task: str,
    side: PromptType | None,
    instruction: Instruction | None = None,
    **protocol: object,
) -> str:
    loaded = mteb.get_task(task)
    made = EmbeddingProtocol.model_validate({"engine": "transformers", **protocol})
    found = resolve_prompt(made, instruction, loaded.metadata, loaded.abstask_prompt, side)
    return found.prefix


def grit(instruction: str) -> str:
    """Figure 3 of the paper: nothing but the embed marker without an instruction."""
    return f"<|user|>\n{instruction}\n<|embed|>\n" if instruction else "<|embed|>\n"


@pytest.mark.parametrize(
    ("task", "side", "expected"),
    [
        # A prompt for queries alone; documents get none.
        ("ArguAna", QUERY, FIND),
        ("ArguAna", DOCUMENT, ""),
        # No prompt in mteb: the type's default, for the queries alone.
        ("CQADupstackTexRetrieval", QUERY, "Retrieve text based on user query."),
        ("CQADupstackTexRetrieval", DOCUMENT, ""),
        # Reranking compares like with like: one prompt for both sides.
        ("AskUbuntuDupQuestions", QUERY, "Retrieve duplicate questions from AskUbuntu forum"),
        ("AskUbuntuDupQuestions", DOCUMENT, "Retrieve duplicate questions from AskUbuntu forum"),
        ("STSBenchmark", None, "Retrieve semantically similar text."),
        (
            "Banking77Classification",
            None,
            "Given a online banking query, find the corresponding intents",
        ),
        (
            "SummEval",
            None,
            "Given a news summary, retrieve other semantically similar summaries.",
        ),
    ],
)
def test_mtebs_own_instruction(task: str, side: PromptType | None, expected: str) -> None:
    assert prefix(task, side, wrapper=GRIT) == grit(expected)


@pytest.mark.parametrize(
    ("side", "expected"),
    [(None, "find this"), (QUERY, "find this"), (DOCUMENT, "index this")],
)
def test_the_runs_instruction_goes_before_mtebs(side: PromptType | None, expected: str) -> None:
    given = Instruction(query="find this: ", document="index this")
    assert prefix("ArguAna", side, given, wrapper=GRIT) == grit(expected)


def test_an_empty_instruction_is_none_at_all() -> None:
    assert prefix("ArguAna", QUERY, Instruction(), wrapper=GRIT) == "<|embed|>\n"


def test_without_a_wrapper_nothing_is_put_before_a_text() -> None:
    assert prefix("ArguAna", QUERY) == ""
    assert prefix("ArguAna", QUERY, Instruction(query="find this")) == ""


MODEL = {
    "ArguAna-query": "1 ",
    "ArguAna": "2 ",
    "Retrieval-query": "3 ",
    "Retrieval": "4 ",
    "query": "5 ",
    "document": "6 ",
}


@pytest.mark.parametrize(
    ("dropped", "expected"),
    [
        ((), "1 "),
        (("ArguAna-query",), "2 "),
        (("ArguAna-query", "ArguAna"), "3 "),
        (("ArguAna-query", "ArguAna", "Retrieval-query"), "4 "),
        (("ArguAna-query", "ArguAna", "Retrieval-query", "Retrieval"), "5 "),
        (tuple(MODEL), ""),
    ],
)
def test_a_models_own_prompts_by_mtebs_priority(dropped: tuple[str, ...], expected: str) -> None:
    prompts = {name: text for name, text in MODEL.items() if name not in dropped}
    assert prefix("ArguAna", QUERY, instructions="model", prompts=prompts) == expected


def test_a_models_prompt_for_a_side_is_not_for_symmetric_texts() -> None:
    prompts = {"query": "q: ", "document": "d: "}
    assert prefix("STSBenchmark", None, instructions="model", prompts=prompts) == ""
    assert prefix("ArguAna", DOCUMENT, instructions="model", prompts=prompts) == "d: "


def of_mtebs_loader(wrapper: str, instruction: str) -> str:
    """What mteb's own loader of the model puts before a query."""
    if wrapper == "qwen3":
        return qwen3_models.instruction_template(instruction, QUERY)
    assert e5_instruct.e5_instruct.loader_kwargs["apply_instruction_to_passages"] is False
    template: str = e5_instruct.e5_instruct.loader_kwargs["instruction_template"]
    return template.format(instruction=instruction)


@pytest.mark.parametrize("wrapper", QUERIES_ONLY)
@pytest.mark.parametrize(
    ("task", "side"),
    [("ArguAna", QUERY), ("AskUbuntuDupQuestions", QUERY), ("STSBenchmark", None),
     ("SummEval", QUERY), ("SummEval", DOCUMENT)],
)  # fmt: skip
def test_named_wrappers_are_those_of_mtebs_loaders(
    wrapper: str, task: str, side: PromptType | None
) -> None:
    loaded = mteb.get_task(task)
    prompt = loaded.metadata.prompt or loaded.abstask_prompt
    instruction = prompt["query"] if isinstance(prompt, dict) else prompt
    found = prefix(task, side, wrapper=WRAPPERS[wrapper], queries_only=True)
    assert found == of_mtebs_loader(wrapper, instruction)


@pytest.mark.parametrize("task", ["ArguAna", "AskUbuntuDupQuestions"])
@pytest.mark.parametrize("given", [None, Instruction(query="find", document="index")])
def test_documents_get_no_instruction_from_wrappers_for_queries(
    task: str, given: Instruction | None
) -> None:
    wrapper = WRAPPERS["qwen3"]
    assert prefix(task, DOCUMENT, given, wrapper=wrapper, queries_only=True) == ""
    assert qwen3_models.instruction_template("find", DOCUMENT) == ""
