"""What a generator is asked, against the authors' prompts (protocol: paper section 3.2; scripts
of April 2024), and what it makes of the answers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint
from evalsuite.engines.transformers.generator import TransformersGenerator
from evalsuite.errors import UsageError
from evalsuite.kinds.rerank.candidates import Document
from evalsuite.kinds.rerank.prompts import PromptWriter
from evalsuite.kinds.rerank.ranking import pointwise
from evalsuite.kinds.table import make_task
from evalsuite.prompting.client import Client
from evalsuite.prompting.prompter import Prompter
from evalsuite.prompting.response_log import ResponseLog
from evalsuite.registry.load import Registry
from helpers.tiny_lm import make_tiny_lm

REGISTRY = Registry.load()
GRIT = (
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}<|user|>\n{{ m.content }}\n"
    "{% else %}<|assistant|>\n{{ m.content }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
LISTWISE = """<s><|user|>
I will provide you with 2 passages, each indicated by a numerical identifier []. Rank the \
passages based on their relevance to the search query why is the sky blue.

[0] Sky It is blue.
[1] Grass is green.


Search Query: why is the sky blue.

Rank the 2 passages above based on their relevance to the search query. All the passages should \
be included and listed using identifiers, in descending order of relevance. The output format \
should be [] > [] > ..., e.g., [4] > [2] > ... Only respond with the ranking results, do not say \
any word or explain.
<|assistant|>
"""
POINTWISE = """<s><|user|>
Given a query and a passage, judge whether the passage is relevant to the query or not.

Query: why is the sky blue
Passage: Sky It is blue.

Answer with yes if the passage is relevant to the query, and no otherwise.
<|assistant|>
Answer:"""
ARGUANA = """<s><|user|>
Provided two debate paragraphs, check if they are about the same topic, but contain \
counter-arguments.

Paragraph 1: why is the sky blue
Paragraph 2: Sky It is blue.

Answer with yes if paragraph 1 and paragraph 2 are about the same topic, but contain \
counter-arguments; Answer with no otherwise.
<|assistant|>
Answer:"""
SKY = "Sky It is blue."
QUERY = "why is the sky blue"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    made = make_tiny_lm(tmp_path_factory.mktemp("tiny"), positions=2048)
    return made.model_copy(update={"chat": ChatProtocol(template=GRIT, template_hash="grit")})


def writer(name: str, checkpoint: Checkpoint, room: int = 8000, **changes: object) -> PromptWriter:
    task = REGISTRY.task(name)
    if changes:
        assert task.rerank is not None
        task = task.model_copy(update={"rerank": task.rerank.model_copy(update=changes)})
    return PromptWriter(task, Prompter(checkpoint), room)


def test_the_prompts_are_the_authors(tiny: Checkpoint) -> None:
    prompt, count = writer("SciFact-rerank", tiny).listwise(QUERY, [SKY, "Grass is green."])
    assert (prompt, count) == (LISTWISE, 2)
    assert writer("SciFact-rerank-pointwise", tiny).pointwise(QUERY, SKY) == POINTWISE
    assert writer("ArguAna-rerank-pointwise", tiny).pointwise(QUERY, SKY) == ARGUANA


def test_without_a_chat_template_the_prompt_stands_alone(tiny: Checkpoint) -> None:
    base = tiny.model_copy(update={"chat": None})
    said = POINTWISE.removeprefix("<s><|user|>\n").replace("\n<|assistant|>\n", "\n")
    assert writer("SciFact-rerank-pointwise", base).pointwise(QUERY, SKY) == said


def test_all_tasks_of_table_3_have_these_prompts() -> None:
    for suite in ("grit-rerank", "grit-rerank-pointwise"):
        tasks = REGISTRY.suite_tasks(REGISTRY.suite(suite))
        assert len(tasks) == 14 + 12
        odd = {t.name for t in tasks if t.prompt != REGISTRY.task(f"SciFact{suite[4:]}").prompt}
        assert odd == ({"ArguAna-rerank-pointwise"} if "pointwise" in suite else set())
        for task in tasks:
            assert task.rerank is not None
            assert task.rerank.k == 10
            assert task.source is not None
            mteb = REGISTRY.task(task.source)
            assert (task.datasets, task.split) == (mteb.datasets, mteb.split), task.name


def test_documents_are_cut_as_the_task_says(tiny: Checkpoint) -> None:
    document = Document(title="T" * 20, text="x" * 1000)
    whole = "T" * 20 + " " + "x" * 1000
    assert writer("SciFact-rerank", tiny).text(document) == whole
    # 600 characters of text, the title whole: the authors' second script.
    assert writer("SciFact-rerank-pointwise", tiny).text(document) == whole[: 20 + 1 + 600]
    assert writer("SciFact-rerank", tiny, doc_tokens=30).text(document) == whole[:30]
    assert "q" * 600 + "\n" in writer("SciFact-rerank-pointwise", tiny).pointwise("q" * 700, SKY)
    assert "q" * 601 not in writer("SciFact-rerank-pointwise", tiny).pointwise("q" * 700, SKY)


def test_documents_that_do_not_fit_are_left_out(tiny: Checkpoint) -> None:
    """The tokenizer makes one token a byte, so lengths can be counted here."""
    texts = ["d" * 100] * 10
    long = writer("SciFact-rerank", tiny, prompt_tokens=100_000, room=100_000)
    lengths = [len(long.listwise("q", texts[:n])[0]) - len("<s>") + 1 for n in range(2, 11)]
    for n, length in enumerate(lengths, 2):
        exact = writer("SciFact-rerank", tiny, room=100_000, prompt_tokens=length)
        assert exact.listwise("q", texts)[1] == n
        below = writer("SciFact-rerank", tiny, room=length - 1, prompt_tokens=100_000)
        assert below.listwise("q", texts) == (
            long.listwise("q", texts[: n - 1]) if n > 2 else ("", 0)
        )
    tight = writer("SciFact-rerank-pointwise", tiny, room=300)
    prompt = tight.pointwise("q", "d" * 400)
    assert len(prompt) - len("<s>") + 1 == 300
    assert prompt.endswith("<|assistant|>\nAnswer:")


def test_a_template_that_names_something_else_is_refused(tiny: Checkpoint) -> None:
    raw = REGISTRY.task("SciFact-rerank").model_dump() | {"prompt": "{{ passages }}"}
    bad = PromptWriter(make_task(**raw), Prompter(tiny), 500)
    with pytest.raises(UsageError, match="'passages' is undefined"):
        bad.listwise("q", ["a", "b"])


def test_yes_against_no_by_an_independent_computation(tiny: Checkpoint, tmp_path: Path) -> None:
    """``P(yes) / (P(yes) + P(no))`` with the probabilities of the answers' tokens one by one."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    documents = [SKY, "Grass is green.", "Grass is green.", "The sea"]
    generator = TransformersGenerator(tiny, device="cpu", dtype="float32", max_length=2048)
    with ResponseLog(tmp_path / "log.jsonl") as log:
        client = Client(generator, Prompter(tiny), log)
        made = PromptWriter(REGISTRY.task("SciFact-rerank-pointwise"), client.prompter, 2000)
        [found] = pointwise([(QUERY, documents)], made, client)

    model = AutoModelForCausalLM.from_pretrained(tiny.path, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tiny.path)

    def probability(prompt: str, answer: str) -> float:
        start = tokenizer(prompt, add_special_tokens=False).input_ids
        rest = tokenizer(answer, add_special_tokens=False).input_ids
        chance = 1.0
        for token in rest:
            with torch.no_grad():
                logits = model(torch.tensor([start])).logits[0, -1]
            chance *= math.exp(torch.log_softmax(logits.double(), -1)[token].item())
            start = [*start, token]
        return chance

    expected = []
    for document in documents:
        prompt = POINTWISE.replace(SKY, document)
        yes, no = probability(prompt, " yes"), probability(prompt, " no")
        expected.append(yes / (yes + no))
    assert found.probabilities == pytest.approx(expected, rel=1e-4)
    assert found.order == sorted(range(4), key=lambda i: (-round(expected[i], 9), i))
    assert found.order.index(1) + 1 == found.order.index(2), "equal ones keep their order"
