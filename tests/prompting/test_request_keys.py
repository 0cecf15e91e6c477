"""Keys of requests and seeds of answers are those that earlier versions wrote.

A run that was killed goes on from its ``responses.jsonl``: with other keys it would ask again for
what it has, and with other seeds it would draw other answers. The literal values were computed
by the code of commit f63f89a. The tokenizer makes one token of each byte, so they do not depend
on any weights.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint
from evalsuite.engines.protocols import (
    Completion,
    Ended,
    GenerationRequest,
    Score,
    ScoreRequest,
)
from evalsuite.judging.local import LocalJudge
from evalsuite.judging.prompt import JudgePrompt
from evalsuite.kinds.alpaca_eval.data import load_answers
from evalsuite.kinds.alpaca_eval.harness import AlpacaEvalHarness
from evalsuite.kinds.base import Context
from evalsuite.kinds.lm_eval.harness import LmEvalHarness
from evalsuite.kinds.rerank.candidates import Candidates, save_candidates
from evalsuite.kinds.rerank.harness import RerankHarness
from evalsuite.kinds.table import make_task
from evalsuite.prompting.response_log import ResponseLog
from helpers.contexts import make_context
from helpers.tiny_lm import TEMPLATE, make_tiny_lm

MINE = "own/data"

# The keys of each test in the order in which they were asked for, and the seeds of its answers.
KEYS = {
    "lm_eval": [
        "a9fd1a2339ac0519846b5799fbdd98cf17f7fd3ee6c36b804c099c2239d6fdef",
        "85e1c2127b56f9b7787933f3a188f92ccff4d583ecfff3fda45fe1a5792b2ef6",
    ],
    "lm_eval choices": [
        "670a1a7bce51f25e703c1bc25c9eae79514768f2a0f864ba9585e5481246253f",
        "b800de89c92333b6ad603c920c85dc276bd7916cccea635cd9abf46df5adb9fe",
    ],
    "alpaca_eval": ["9c06f13817da419e5d1edb5fa763f2733a62417125c9351306dbac0fe7af1cd1"],
    "judge at 0": ["e116291bde63ee40c6d7c0d631f3f6a907aca38a5b798d2d888af37dad94579d"],
    "judge at 1": ["3c03a73fbcca05c684ebde3932566f5cd476b4d66c376cae13bf6c0dabd3d352"],
    "rerank listwise": ["f2ebac0f608b167ebcb4f8a0cb0bf2ae36b64ee16270975831d0f89145b3f008"],
    "rerank pointwise": [
        "1b693a78f2d98259f0df45bb8f696e82c8461df0c5a1a3d75463fabb038c5779",
        "138c6057042c8f91feded21134f0abcb7714828b839592f73aaee5fe7c78d60f",
        "b810bba801d9f3d671f41500209cfcef95dd9c762d2088d092b0566718c4e052",
        "44913e70d4b8ad36ccc47df03ca4f293694e93126c30871e47afcfcfc8df6e30",
    ],
}
SEEDS: dict[str, list[int | None]] = {
    "lm_eval": [1027642115, 1479551283],
    "alpaca_eval": [2067970041],
    "judge at 0": [None],
    "judge at 1": [1013373769],
    "rerank listwise": [None],
}


class Recorder:
    """Answers everything alike and keeps the seeds it was given."""

    version, max_length, wave = "recorder 1", 96, 64

    def __init__(self) -> None:
        self.seeds: list[int | None] = []

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        self.seeds.extend(request.seed for request in requests)
        answers = [Completion("[1] > [0]", 9, "stop") for _ in requests]
        for index, answer in enumerate(answers):
            if ended:
                ended(index, answer)
        return answers

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        return [Score(-1.0, True) for _ in requests]

    def close(self) -> None:
        pass


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    made = make_tiny_lm(tmp_path_factory.mktemp("tiny"))
    chat = ChatProtocol(template=TEMPLATE, template_hash="tiny")
    return made.model_copy(update={"chat": chat})


@pytest.fixture
def context(tiny: Checkpoint, tmp_path: Path) -> Context:
    work = tmp_path / "work"
    work.mkdir()
    return make_context(checkpoint=tiny, workdir=work, data_root=tmp_path, seed=7)


def table(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def check(name: str, log: Path, recorder: Recorder) -> None:
    keys = [json.loads(line)["key"] for line in log.read_text().splitlines()]
    assert (keys, recorder.seeds) == (KEYS[name], SEEDS.get(name, []))


def test_lm_evals_sampled_answers(context: Context, tmp_path: Path) -> None:
    task = make_task(
        name="mine",
        kind="lm_eval",
        type="generate",
        data={"test": table(tmp_path / "t.jsonl", [{"q": "1+1?", "a": 2}])},
        prompt="{{q}}",
        target="{{a}}",
        generation={
            "samples": 2,
            "temperature": 0.7,
            "top_p": 0.9,
            "max_tokens": 8,
            "stop": ["\n\n"],
        },
    )
    recorder = Recorder()
    found = LmEvalHarness().evaluate(task, recorder, context)
    assert found.details["generation"] == {
        "max_tokens": 8,
        "stop": ["\n\n", "</s>"],
        "do_sample": True,
        "temperature": 0.7,
        "top_p": 0.9,
    }
    check("lm_eval", context.workdir / "responses.jsonl", recorder)


def test_lm_evals_choices(context: Context, tmp_path: Path) -> None:
    rows = [{"q": "Sky? ", "c": ["blue", "green"], "a": 0}]
    task = make_task(
        name="mine",
        kind="lm_eval",
        type="multiple_choice",
        data={"test": table(tmp_path / "t.jsonl", rows)},
        prompt="{{q}}",
        choices="{{c}}",
        target="{{a}}",
    )
    LmEvalHarness().evaluate(task, Recorder(), context)
    check("lm_eval choices", context.workdir / "responses.jsonl", Recorder())


def test_answers_to_alpaca_eval_cut_on_the_left(context: Context, tmp_path: Path) -> None:
    folder = tmp_path / MINE
    folder.mkdir(parents=True)
    rows = [{"instruction": "Say " + "a" * 99, "output": "a"}]
    (folder / "alpaca_eval.json").write_text(json.dumps(rows))
    task = make_task(
        name="mine",
        kind="alpaca_eval",
        source="alpaca_eval",
        datasets={MINE: "0" * 40},
        generation={"max_tokens": 8, "temperature": 0.5},
    )
    recorder = Recorder()
    AlpacaEvalHarness().answer(task, recorder, context)
    check("alpaca_eval", context.workdir / "responses.jsonl", recorder)
    found = load_answers(context.workdir)
    assert found is not None
    assert found.details["generation"] == {
        "max_tokens": 8,
        "stop": ["</s>"],
        "do_sample": True,
        "temperature": 0.5,
        "top_p": 1.0,
    }
    assert [suspicion.what for suspicion in found.suspicions] == [
        "1 of 1 prompts were truncated on the left to 96 tokens"
    ]


@pytest.mark.parametrize("temperature", [0, 1])
def test_a_local_judge(tiny: Checkpoint, tmp_path: Path, temperature: float) -> None:
    prompt = JudgePrompt(name="p", system="s", user="u", max_tokens=9, temperature=temperature)
    recorder = Recorder()
    with ResponseLog(tmp_path / "log") as log:
        LocalJudge(recorder, tiny, prompt).ask(
            [(("system", "Rank."), ("user", "a or b?"))], log, lambda done, total: None
        )
    check(f"judge at {temperature}", tmp_path / "log", recorder)


@pytest.mark.parametrize("method", ["listwise", "pointwise"])
def test_reranking(context: Context, tmp_path: Path, method: str) -> None:
    task = make_task(
        name="mine",
        kind="rerank",
        type="retrieval",
        data={name: tmp_path / name for name in ("corpus", "queries", "qrels")},
        rerank={"method": method, "k": 2},
        prompt="{{query}} {{document}}"
        if method == "pointwise"
        else "{{query}}{% for d in documents %} [{{d.id}}] {{d.text}}{% endfor %}",
        answer_prefix="Answer: " if method == "pointwise" else None,
        generation={"max_tokens": 8},
    )
    save_candidates(
        context.workdir,
        Candidates.model_validate(
            {
                "queries": [
                    {
                        "id": "q",
                        "text": "cats",
                        "documents": ["x", "y"],
                        "scores": [0.9, 0.8],
                        "judged": {"x": 1},
                    }
                ],
                "documents": {
                    "x": {"title": "", "text": "purr"},
                    "y": {"title": "Dogs", "text": "bark"},
                },
                "data": {"hash": "2" * 64, "source": "hub"},
                "details": {"rendered": {}},
                "engine_seconds": 0,
                "load_seconds": 0,
                "seconds": 0,
            }
        ),
    )
    recorder = Recorder()
    RerankHarness().evaluate(task, recorder, context)
    check(f"rerank {method}", context.workdir / "responses.jsonl", recorder)
