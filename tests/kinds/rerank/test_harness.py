"""Both stages of reranking on real data with a real, simple encoder and scripted answers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint, EmbeddingProtocol
from evalsuite.engines.protocols import Completion, Ended, GenerationRequest
from evalsuite.errors import EngineError, UsageError
from evalsuite.kinds.base import Context, Evaluation
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.rerank.candidates import FILE_NAME, load_candidates
from evalsuite.kinds.rerank.harness import RerankHarness
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.store import Store
from helpers.bag_of_words import BagOfWords, embed
from helpers.bag_of_words import checkpoint as bag
from helpers.contexts import make_context, with_options
from helpers.planned import CHECKPOINT, plan_one
from helpers.scripted import Scripted
from helpers.tiny_lm import TEMPLATE, make_tiny_lm

REGISTRY = Registry.load()
SMOKE = REGISTRY.task("smoke-rerank")
HARNESS = RerankHarness()


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    made = make_tiny_lm(tmp_path_factory.mktemp("tiny"), positions=16_384)
    chat = ChatProtocol(template=TEMPLATE, template_hash="tiny")
    protocol = EmbeddingProtocol(engine="transformers")
    return made.model_copy(update={"chat": chat, "embedding": protocol})


@pytest.fixture
def context(tiny: Checkpoint, tmp_path: Path) -> Context:
    return make_context(checkpoint=tiny, workdir=tmp_path, limit=20)


def own(tmp_path: Path, **changes: object) -> Task:
    """Three documents, two of them relevant to one of two queries."""
    files: dict[str, list[dict[str, object]]] = {
        "corpus": [
            {"id": "a", "text": "cats purr", "title": ""},
            {"id": "b", "text": "dogs bark", "title": ""},
            {"id": "c", "text": "cats and dogs", "title": ""},
        ],
        "queries": [{"id": "q1", "text": "cats"}, {"id": "q2", "text": "dogs bark"}],
        "qrels": [
            {"query-id": "q1", "corpus-id": "b", "score": 1},
            {"query-id": "q1", "corpus-id": "c", "score": 2},
            {"query-id": "q2", "corpus-id": "b", "score": 1},
        ],
    }
    for name, rows in files.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    raw = SMOKE.model_dump() | {
        "name": "mine",
        "data": {name: tmp_path / f"{name}.jsonl" for name in files},
    }
    return make_task(**raw | changes)


def evaluate(task: Task, context: Context, answer: Callable[[str], str]) -> Evaluation:
    tokenizer = AutoTokenizer.from_pretrained(context.checkpoint.path)
    HARNESS.retrieve(task, BagOfWords(), context)
    return HARNESS.evaluate(task, Scripted(tokenizer, lambda prompt, _: answer(prompt)), context)


def passages(prompt: str) -> list[str]:
    return re.findall(r"^\[\d+\] (.*)$", prompt, re.MULTILINE)


def test_the_top_k_is_that_of_a_full_search(context: Context) -> None:
    HARNESS.retrieve(SMOKE, BagOfWords(), context)
    found = load_candidates(context.workdir)
    assert found is not None
    assert len(found.queries) == 20
    assert SMOKE.data is not None
    corpus = [json.loads(line) for line in SMOKE.data["corpus"].open()]
    vectors = {row["id"]: embed(f"{row['title']} {row['text']}".strip()) for row in corpus}
    for query in found.queries:
        asked = embed(query.text)

        def cosine(name: str, asked: object = asked) -> float:
            vector = vectors[name]
            return float(vector @ asked) / math.sqrt(
                float(vector @ vector) * float(asked @ asked)  # type: ignore[operator]
            )

        best = sorted(vectors, key=cosine, reverse=True)[:10]
        assert query.documents == tuple(best)
        assert query.scores == pytest.approx([cosine(name) for name in best], abs=1e-5)
    assert set(found.documents) == {name for query in found.queries for name in query.documents}


@pytest.mark.parametrize("source", ["smoke-retrieval", "smoke-reranking"])
def test_before_is_mtebs_own_score(source: str, context: Context, tmp_path: Path) -> None:
    """nDCG@10 of each query on the same vectors, by mteb's evaluator."""
    mteb = REGISTRY.task(source)
    given = {"type": mteb.type, "data": mteb.data, "instruction": mteb.instruction}
    task = SMOKE.model_copy(update=given)
    _agree(task, mteb.model_copy(update={"main_metric": "ndcg_at_10"}), context, tmp_path)


@pytest.mark.e2e
@pytest.mark.realdata
def test_before_is_mtebs_own_score_on_scifact(
    shared_data: Path, context: Context, tmp_path: Path
) -> None:
    there = replace(with_options(context, data_root=shared_data / "hub"), limit=None)
    evaluation = _agree(REGISTRY.task("SciFact-rerank"), REGISTRY.task("SciFact"), there, tmp_path)
    assert evaluation.n == 300


def _agree(task: Task, mteb: Task, context: Context, tmp_path: Path) -> Evaluation:
    reranked = evaluate(task, context, lambda _: "[0] > [1]")
    # mteb removes nothing and adds nothing: the same texts with the same empty prefix.
    plain = bag().model_copy(update={"fingerprint": context.checkpoint.fingerprint})
    other = replace(context, checkpoint=plain, workdir=tmp_path / "mteb")
    other.workdir.mkdir()
    expected = MtebHarness().evaluate(mteb, BagOfWords(), other)
    before = {row["sample"]: row["before"] for row in reranked.samples}
    scores = {row["sample"]: row["ndcg_at_10"] for row in expected.samples}
    assert before == pytest.approx(scores, abs=1e-6)
    assert reranked.metrics["ndcg_at_10_before"] == pytest.approx(
        expected.metrics["ndcg_at_10"], abs=1e-5
    )
    assert reranked.data == expected.data
    return reranked


def test_after_by_hand(context: Context, tmp_path: Path) -> None:
    """q1 gets (c, b, a) after (a, c, b); the answer about q2 holds no order."""
    wished = ["cats and dogs", "dogs bark", "cats purr"]

    def answer(prompt: str) -> str:
        if "search query dogs" in prompt:
            return "I would rather not."
        shown = passages(prompt)
        assert len(shown) == 3
        order = " > ".join(f"[{shown.index(text)}]" for text in wished)
        return f"<think>[1] is short, [0] > [2] then?</think>{order}"

    found = evaluate(own(tmp_path), context, answer)
    ideal = 2 + 1 / math.log2(3)
    rows = {row["sample"]: row for row in found.samples}
    q1, q2 = rows["q1"], rows["q2"]
    assert q1["documents_before"] == ["a", "c", "b"]
    assert q1["documents_after"] == ["c", "b", "a"]
    assert q1["permutation"] == [1, 2, 0]
    assert q1["before"] == pytest.approx((2 / math.log2(3) + 1 / 2) / ideal)
    assert q1["score"] == 1.0
    assert q1["problem"] is None
    assert q2["documents_after"] == q2["documents_before"]
    assert q2["score"] == q2["before"] == 1.0
    assert (q2["parsed"], q2["problem"]) == (False, "no ranking in the reply")
    assert q2["replies"] == ["I would rather not."]
    assert found.score == 1.0
    assert found.estimator == "mean"
    assert found.metrics["unparsed"] == 0.5
    assert found.metrics["moved"] == 0.5
    assert found.details["difference"]["better"] == 1
    assert found.warnings == (
        (
            "1 of 2 queries keep documents in their old order: no ranking in the reply, for"
            " example 'I would rather not.'"
        ),
    )


def test_a_score_of_a_model_that_thinks_says_what_was_read(tmp_path: Path) -> None:
    def harness(template: str | None) -> str:
        chat = ChatProtocol(template=template, template_hash="none")
        there = CHECKPOINT.model_copy(update={"chat": chat})
        return plan_one(REGISTRY, Store(tmp_path), "smoke-rerank", there).signature.harness

    assert harness("{{ '<think>' }}") == harness(None) + "+outside-thinking"
    assert harness("{{ messages }}") == harness(None)


def test_only_the_first_k_move_and_windows_carry_the_best_forward(
    context: Context, tmp_path: Path
) -> None:
    """20 of 200 documents in windows of 8 by 4, each reversed: the last one gets to place 3.

    It goes from 19 over 12, 11 and 4. Beyond k, what counts in nDCG@10 keeps its place.
    """
    settings = {"method": "listwise", "k": 20, "window": 8, "step": 4, "prompt_tokens": None}
    task = make_task(**SMOKE.model_dump() | {"rerank": settings})
    found = evaluate(task, context, lambda _: "[7]>[6]>[5]>[4]>[3]>[2]>[1]>[0]")
    order = list(range(20))
    for start in (12, 8, 4, 0):
        order[start : start + 8] = order[start : start + 8][::-1]
    assert order.index(19) == 3
    for row in found.samples:
        assert row["permutation"] == order
        assert row["documents_after"] == [row["documents_before"][i] for i in order]
        assert len(row["replies"]) == 4
    few = make_task(**SMOKE.model_dump() | {"rerank": settings | {"k": 3}})
    again = replace(context, workdir=tmp_path / "few")
    again.workdir.mkdir()
    for row in evaluate(few, again, lambda _: "[2] > [1] > [0]").samples:
        before = row["documents_before"]
        assert row["documents_after"] == [before[2], before[1], before[0], *before[3:]]
        assert len(before) == 10


class Dying(Scripted):
    """Is killed after some answers."""

    left = 5

    def generate(
        self,
        requests: list[GenerationRequest],
        ended: Ended | None = None,  # type: ignore[override]
    ) -> list[Completion]:
        answers = super().generate(requests[: self.left])
        for index, answer in enumerate(answers):
            assert ended is not None
            ended(index, answer)
        if len(answers) < len(requests):
            raise EngineError("killed")
        return answers


def test_stages_go_on_where_they_were(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not HARNESS.retrieved(SMOKE, context)
    with pytest.raises(EngineError, match="the documents to rerank are gone; run again"):
        HARNESS.evaluate(SMOKE, Scripted(None, lambda *_: ""), context)
    HARNESS.retrieve(SMOKE, BagOfWords(), context)
    assert HARNESS.retrieved(SMOKE, context)
    # A search that was killed before it wrote the file finds its vectors again.
    (context.workdir / FILE_NAME).unlink()
    encoder = BagOfWords()
    HARNESS.retrieve(SMOKE, encoder, context)
    assert encoder.calls == []
    # Changed data is searched again.
    assert SMOKE.data is not None
    other = SMOKE.model_copy(update={"data": SMOKE.data | {"qrels": SMOKE.data["queries"]}})
    assert not HARNESS.retrieved(other, context)

    monkeypatch.setattr("evalsuite.prompting.waves.SECONDS_BETWEEN_WRITES", 0.0)
    tokenizer = AutoTokenizer.from_pretrained(context.checkpoint.path)
    dying = Dying(tokenizer, lambda *_: "[1] > [0]")
    with pytest.raises(EngineError, match="killed"):
        HARNESS.evaluate(SMOKE, dying, context)
    second = Scripted(tokenizer, lambda *_: "[1] > [0]")
    HARNESS.evaluate(SMOKE, second, context)
    assert len(second.prompts) == 20 - 5


def test_what_cannot_be_reranked_is_refused(context: Context) -> None:
    sts = REGISTRY.task("STS12")
    raw = SMOKE.model_dump(exclude={"type", "data", "instruction"})
    task = make_task(**raw | {"source": "STS12", "datasets": sts.datasets})
    root = with_options(context, data_root=Path(__file__).parents[3] / "nowhere")
    with pytest.raises(Exception, match="STS12"):
        HARNESS.retrieve(task, BagOfWords(), root)
    said = "kind 'rerank' takes type 'retrieval' or 'reranking', not 'sts'"
    with pytest.raises(ValueError, match=said):
        make_task(**SMOKE.model_dump() | {"type": "sts", "data": {"test": Path("x")}})
    with pytest.raises(ValueError, match="'step' above 'window'"):
        make_task(**SMOKE.model_dump() | {"rerank": {"method": "listwise", "window": 2, "step": 3}})
    with pytest.raises(ValueError, match="rerank\n  Field required"):
        make_task(name="x", kind="rerank", source="SciFact", prompt="{{ query }}")
    with pytest.raises(ValueError, match="rerank\n  Extra inputs are not permitted"):
        make_task(name="x", kind="mteb", source="SciFact", rerank={"method": "listwise"})


@pytest.mark.realdata
def test_a_task_of_another_type_is_refused(context: Context, shared_data: Path) -> None:
    sts = REGISTRY.task("STS12")
    raw = SMOKE.model_dump(exclude={"type", "data", "instruction"})
    task = make_task(**raw | {"source": "STS12", "datasets": sts.datasets})
    with pytest.raises(UsageError, match="STS12 is of type STS; rerank a retrieval or reranking"):
        HARNESS.retrieve(task, BagOfWords(), with_options(context, data_root=shared_data / "hub"))


def test_preview_shows_all_three_texts(context: Context) -> None:
    previews = HARNESS.preview(SMOKE, BagOfWords(), context)
    shown = {example.side: example.text for example in previews}
    assert set(shown) == {"query", "document", "chat"}
    assert shown["query"] in shown["chat"]
    # A token a byte: 7 of the first 10 documents fit into the 1,900 of the task.
    assert len(passages(shown["chat"])) == 7
    assert shown["document"] == passages(shown["chat"])[0]
