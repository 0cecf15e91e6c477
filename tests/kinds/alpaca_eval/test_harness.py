"""AlpacaEval's second stage against an endpoint, with the answers already there."""

from __future__ import annotations

import json
import math
import statistics
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.errors import EngineError, UsageError
from evalsuite.judging.judge import Judge
from evalsuite.judging.load import describe, load_judge
from evalsuite.judging.prompt import load_prompt
from evalsuite.kinds.alpaca_eval.data import (
    ANSWERS,
    Answers,
    CandidateAnswer,
    load_answers,
    save_answers,
)
from evalsuite.kinds.alpaca_eval.harness import AlpacaEvalHarness
from evalsuite.kinds.alpaca_eval.scores import orders
from evalsuite.kinds.base import Context, Evaluation
from evalsuite.kinds.table import make_task
from helpers.contexts import make_context, with_options
from helpers.fake_judge import SECRET, ranking, serving
from helpers.tiny_lm import TEMPLATE, make_tiny_lm

DATA = "tatsu-lab/alpaca_eval"
CHECKPOINT = Checkpoint(
    name="tiny",
    source="tiny",
    path=Path("tiny"),
    fingerprint="1" * 64,
    kind="generative",
    evidence=(),
    embedding=None,
    chat=ChatProtocol(template=TEMPLATE, template_hash="tiny"),
)
TASK = make_task(
    name="mine",
    kind="alpaca_eval",
    source="alpaca_eval",
    datasets={DATA: "0" * 40},
    generation={"max_tokens": 8},
)
PAIRS = [
    # candidate, reference
    ("a long answer", "short"),
    ("no", "a long reference"),
    ("same", "same"),
    ("another long answer", "x"),
]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALSUITE_JUDGE_KEY", SECRET)
    monkeypatch.setattr("evalsuite.judging.endpoint.RETRIES", 2)


def mirror(root: Path, count: int) -> Path:
    folder = root / DATA
    folder.mkdir(parents=True)
    rows = [{"instruction": f"Say {n}.", "output": f"It is {n}."} for n in range(count)]
    (folder / "alpaca_eval.json").write_text(json.dumps(rows))
    return root


def context(folder: Path, judge: Judge, **changes: Any) -> Context:
    folder.mkdir(parents=True, exist_ok=True)
    return make_context(checkpoint=CHECKPOINT, workdir=folder, judge=judge, **changes)


def leave_answers(folder: Path, pairs: list[tuple[str, str]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    answers = tuple(
        CandidateAnswer(
            instruction=f"Question {n}?",
            prompt=f"<Question {n}?>",
            reference=r,
            response=c,
            number=n,
        )
        for n, (c, r) in enumerate(pairs)
    )
    data = {"hash": "2" * 64, "source": "hub"}
    rest = {"details": {}, "warnings": (), "engine_seconds": 1, "load_seconds": 1, "seconds": 3}
    save_answers(folder, Answers.model_validate({"answers": answers, "data": data, **rest}))


def judged(folder: Path, judge: Judge, pairs: list[tuple[str, str]], **changes: Any) -> Evaluation:
    leave_answers(folder, pairs)
    engine = load_judge(judge, None, engine="transformers", device="cpu", dtype="auto")
    return AlpacaEvalHarness().judge(TASK, engine, context(folder, judge, **changes))


@pytest.mark.parametrize("order", ["random", "both"])
def test_the_win_rate_is_the_share_preferred_to_the_reference(tmp_path: Path, order: Any) -> None:
    with serving() as server:
        judge = Judge(model="m", url=server.url, order=order)
        found = judged(tmp_path, judge, PAIRS)
    scores = [1.0, 0.0, 0.5, 1.0]  # equal answers are a tie and are not asked for
    assert [row["score"] for row in found.samples] == scores
    assert found.main_metric == "win_rate"
    assert found.score == found.metrics["win_rate"] == 2.5 / 4
    assert found.estimator == "mean"
    mean = 2.5 / 4
    deviation = math.sqrt(sum((s - mean) ** 2 for s in scores) / 3)
    assert found.stderr == pytest.approx(deviation / math.sqrt(4))
    assert (found.n, found.metrics["unjudged"]) == (4, 0)
    assert found.metrics["avg_length"] == statistics.fmean(len(c) for c, _ in PAIRS)
    references = statistics.fmean(len(r) for _, r in PAIRS)
    assert found.metrics["length_ratio"] == pytest.approx(found.metrics["avg_length"] / references)
    assert found.earlier_seconds == 3
    assert len(server.requests) == (3 if order == "random" else 6)
    first = server.requests[0]
    assert (first["model"], first["temperature"], first["max_tokens"]) == ("m", 0, 100)
    assert set(server.keys) == {f"Bearer {SECRET}"}
    assert [row["sample"] for row in found.samples] == ["0", "1", "2", "3"]
    assert found.samples[0]["prompt"] == "<Question 0?>"
    assert SECRET not in str(found)


def test_both_orders_are_averaged_so_that_a_favoured_place_is_worth_nothing(tmp_path: Path) -> None:
    with serving(rule=lambda first, second: ranking(1, 2)) as server:
        found = judged(tmp_path, Judge(model="m", url=server.url, order="both"), PAIRS)
    assert [row["score"] for row in found.samples] == [0.5] * 4
    assert found.samples[0]["order"] == ["candidate-first", "reference-first"]
    assert found.samples[0]["parsed"] == [1.0, 0.0]
    assert found.samples[0]["judgement"] == [ranking(1, 2)] * 2


def test_drawn_orders_are_reproducible_and_balanced() -> None:
    instructions = [f"instruction {n}" for n in range(1000)]
    drawn = [orders(text, "random", 42) for text in instructions]
    assert drawn == [orders(text, "random", 42) for text in instructions]
    first = sum(order == ("candidate-first",) for order in drawn)
    assert 420 < first < 580  # five standard deviations of a fair coin
    other = [orders(text, "random", 43) for text in instructions]
    assert 420 < sum(a == b for a, b in zip(drawn, other, strict=True)) < 580


def test_what_is_not_judged_is_counted_shown_and_not_in_the_score(tmp_path: Path) -> None:
    def rule(first: str, second: str) -> str:
        return "both are fine" if "no" in (first, second) else ranking(1, 1)

    with serving(rule=rule) as server:
        found = judged(tmp_path, Judge(model="m", url=server.url), PAIRS)
    assert [row["score"] for row in found.samples] == [0.5, None, 0.5, 0.5]
    assert (found.n, found.score, found.metrics["unjudged"]) == (3, 0.5, 0.25)
    [warning] = found.warnings
    assert warning.startswith("1 of 4 samples are not judged and not in the win rate: no ranking")
    assert warning.endswith("in the reply 'both are fine'")
    assert found.samples[1]["judgement"] == ["both are fine"]
    assert found.samples[1]["parsed"] == [None]


def test_one_order_without_a_verdict_leaves_the_sample_unjudged(tmp_path: Path) -> None:
    def rule(first: str, second: str) -> str:
        return ranking(1, 2) if first.startswith("a") else "?"

    with serving(rule=rule) as server:
        judge = Judge(model="m", url=server.url, order="both")
        found = judged(tmp_path, judge, [("a", "z"), ("a", "a")])
    assert found.samples[0]["parsed"] == [1.0, None]
    assert [row["score"] for row in found.samples] == [None, 0.5]


def test_a_judge_without_any_verdict_fails(tmp_path: Path) -> None:
    with serving(rule=lambda first, second: "hm") as server:
        judge = Judge(model="m", url=server.url)
        with pytest.raises(EngineError, match=r"no verdict on any of 2 samples: no ranking .*'hm'"):
            judged(tmp_path, judge, PAIRS[:2])


def test_a_refused_prompt_is_unjudged_and_the_key_not_repeated(tmp_path: Path) -> None:
    body = json.dumps({"error": {"message": f"content filter; {SECRET} said no"}})
    with serving(failures=[(400, body)]) as server:
        found = judged(tmp_path, Judge(model="m", url=server.url), PAIRS)
    assert found.metrics["unjudged"] == 0.25
    assert "HTTP 400" in found.warnings[0]
    assert "content filter; *** said no" in found.warnings[0]


def test_a_rate_limit_is_waited_for(tmp_path: Path) -> None:
    with serving(failures=[(429, "{}"), (503, "{}")]) as server:
        found = judged(tmp_path, Judge(model="m", url=server.url), PAIRS)
    assert found.n == 4
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (401, r"refuses the key \(HTTP 401\); set EVALSUITE_JUDGE_KEY or OPENAI_API_KEY"),
        (404, r"no model 'm' or no such path .*; check --judge and --judge-url"),
        (429, r"keeps refusing more requests"),
        (500, r"fails \(HTTP 500\); what is judged is kept"),
    ],
)
def test_a_judge_that_refuses_to_work_fails_in_one_line_without_the_key(
    tmp_path: Path, status: int, words: str
) -> None:
    echo = json.dumps({"error": {"message": f"wrong key {SECRET}"}})
    with serving(always=(status, echo)) as server:
        judge = Judge(model="m", url=server.url)
        many = [(f"a{n}", "b") for n in range(40)]
        with pytest.raises(EngineError, match=f"the judge at 127.0.0.1 .*{words}") as caught:
            judged(tmp_path, judge, many)
    # Eight at once, three tries each at most: the others are not even sent.
    assert len(server.requests) < 40
    assert "\n" not in caught.value.line
    told = "".join(traceback.format_exception(caught.value))
    assert SECRET not in told
    assert SECRET not in str(list(tmp_path.rglob("*")))


def test_no_server_and_no_chat_completion_are_told_apart(tmp_path: Path) -> None:
    with serving() as server:
        gone = Judge(model="m", url=server.url)
    with pytest.raises(EngineError, match="cannot be reached; check --judge-url"):
        judged(tmp_path, gone, PAIRS)
    for kind, body in (("text/html", "<html>"), ("application/json", "{"), ("text/plain", "")):
        with serving(always=(200, body), content_type=kind) as server:
            judge = Judge(model="m", url=server.url)
            with pytest.raises(EngineError, match="did not return a chat completion"):
                judged(tmp_path, judge, PAIRS)


def test_odd_completions_are_unjudged(tmp_path: Path) -> None:
    message = {"role": "assistant", "content": None, "refusal": "no"}
    odd = [{}, {"choices": []}, {"choices": [{"index": 0, "message": message}]}, {"choices": [{}]}]
    with serving(failures=[(200, json.dumps(body)) for body in odd]) as server:
        pairs = [(f"a{n}", "b") for n in range(5)]
        found = judged(tmp_path, Judge(model="m", url=server.url), pairs)
    assert (found.n, found.metrics["unjudged"]) == (1, 0.8)
    assert "the reply has no text" in found.warnings[0]


def test_nothing_is_asked_twice(tmp_path: Path) -> None:
    with serving() as server:
        judge = Judge(model="m", url=server.url)
        first = judged(tmp_path, judge, PAIRS)
        asked = len(server.requests)
        assert judged(tmp_path, judge, PAIRS).samples == first.samples
        assert len(server.requests) == asked
        log = tmp_path / "judgements.jsonl"
        lines = log.read_bytes().splitlines(keepends=True)
        log.write_bytes(b"".join(lines[:1]) + lines[1][:20])  # killed while writing
        assert judged(tmp_path, judge, PAIRS).samples == first.samples
        assert len(server.requests) == asked + 2
    assert not any(SECRET in path.read_text() for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    "url",
    [
        f"https://user:{SECRET}@host/v1",
        f"https://host/v1?key={SECRET}",
        f"https://host/v1#{SECRET}",
        f"ftp://{SECRET}/v1",
        SECRET,
        "https://host:port/v1",
        "https://[::1/v1",
        "",
    ],
)
def test_an_address_with_a_secret_or_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError, match="--judge-url") as caught:
        Judge(model="m", url=url)
    assert SECRET not in caught.value.line


def test_signatures_name_the_judge_its_prompt_temperature_and_order() -> None:
    prompt = load_prompt().hash[:6]
    judge = Judge(model="gpt-4", url="https://api.example.com:8443/v1")
    assert describe(judge, None) == f"gpt-4@api.example.com/alpaca_eval_gpt4#{prompt}/t0/random"
    local = describe(Judge(model="any", order="both"), CHECKPOINT)
    assert local == f"tiny#11111111/alpaca_eval_gpt4#{prompt}/t0/both"
    assert "|" not in describe(Judge(model="a|b c", url="http://h"), None)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return make_tiny_lm(tmp_path_factory.mktemp("tiny"), chat=True, positions=4096)


def test_answers_are_greedy_in_the_chat_template_and_found_again(
    tiny: Checkpoint, tmp_path: Path
) -> None:
    root = mirror(tmp_path / "data", 5)
    harness, work = AlpacaEvalHarness(), tmp_path / "work"
    work.mkdir()
    about = make_context(checkpoint=tiny, workdir=work, data_root=root, limit=3)
    assert not harness.answered(TASK, about)
    generator = load_generator(tiny, engine="transformers", device="cpu", dtype="float32")
    harness.answer(TASK, generator, about)
    assert harness.answered(TASK, about)
    found = load_answers(work)
    assert found is not None
    assert [answer.instruction for answer in found.answers] == ["Say 0.", "Say 1.", "Say 2."]
    assert found.answers[0].prompt == "<s><|user|>\nSay 0.\n<|assistant|>\n"
    assert found.answers[0].reference == "It is 0."
    assert found.details["generation"]["max_tokens"] == 8
    lines = (work / "responses.jsonl").read_text().splitlines()
    assert len(lines) == 3
    # What a version before numbers were kept has left.
    left = json.loads((work / ANSWERS).read_text())
    for answer in left["answers"]:
        del answer["number"]
    (work / ANSWERS).write_text(json.dumps(left))
    assert load_answers(work) == found
    # A person's limit draws: the same rows for every checkpoint, more of them with a larger limit.
    drawn = {}
    for limit in (2, 3):
        folder = tmp_path / f"drawn-{limit}"
        folder.mkdir()
        asked = with_options(replace(about, workdir=folder, limit=limit), limit=limit)
        harness.answer(TASK, generator, asked)
        some = load_answers(folder)
        assert some is not None
        assert all(one.instruction == f"Say {one.number}." for one in some.answers)
        drawn[limit] = {one.number for one in some.answers}
    assert drawn[2] < drawn[3] < set(range(5))
    generator.close()
    # The data changes: the answers are no longer those to its questions.
    listed = root / DATA / "alpaca_eval.json"
    listed.write_text(listed.read_text().replace("Say 1", "Tell 1"))
    assert not harness.answered(TASK, about)


def test_a_checkpoint_judges_through_its_own_template(tiny: Checkpoint, tmp_path: Path) -> None:
    judge = Judge(model="tiny")
    leave_answers(tmp_path, [("a", "b"), ("c" * 4000, "d")])
    engine = load_judge(judge, tiny, engine="transformers", device="cpu", dtype="float32")
    # A model with random weights ranks nothing; a prompt that does not fit is never cut.
    with pytest.raises(EngineError, match=r"the judge tiny .* no verdict on any of 2 samples"):
        AlpacaEvalHarness().judge(TASK, engine, context(tmp_path, judge))
    assert len((tmp_path / "judgements.jsonl").read_text().splitlines()) == 1
    prompt = load_prompt().fill("i", "a", "b")
    text, ids = engine.show(prompt)
    assert text.startswith("<s><|system|>\nYou are a helpful assistant, that ranks models")
    assert text.endswith("would give.\n<|assistant|>\n")
    assert len(ids) > 1000
    engine.close()


def test_the_preview_shows_both_prompts(tiny: Checkpoint, tmp_path: Path) -> None:
    root = mirror(tmp_path / "data", 2)
    judge = Judge(model="m", url="http://localhost:1/v1")
    about = make_context(checkpoint=tiny, workdir=tmp_path, data_root=root, judge=judge)
    chat, asked = AlpacaEvalHarness().preview(TASK, about)
    assert chat.text == "<s><|user|>\nSay 0.\n<|assistant|>\n"
    assert asked.side == "judge"
    assert '"instruction": """Say 0."""' in asked.text
    assert '"answer": """It is 0."""' in asked.text
