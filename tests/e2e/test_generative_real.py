"""The vLLM generator on a real checkpoint gives what transformers gives.

vLLM wants a process of its own; one process answers for both tests. That a killed evaluation goes
on where it was is tested with the whole command, in ``test_main_road.py``.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint import CheckpointOptions, resolve
from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import GenerationRequest, Generator, ScoreRequest

pytestmark = pytest.mark.e2e
pytest.importorskip("vllm")

CONTEXTS = ("The capital of France is", "Two plus two equals", "A B C D")
RESTS = (" Paris", " four", " E", " the city of light, of course.", " 4\n\nThree plus three")
Pairs = list[tuple[list[int], list[int]]]


@pytest.fixture(scope="module")
def checkpoint() -> Checkpoint:
    return resolve("demo:smollm2", CheckpointOptions())


@pytest.fixture(scope="module")
def plain(checkpoint: Checkpoint) -> Generator:
    return load_generator(checkpoint, engine="transformers", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def job(checkpoint: Checkpoint) -> dict[str, Any]:
    """Continuations of texts, choices behind a line break, and prompts, as token ids."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint.path)
    message = {"role": "user", "content": "Which is a fruit? A. stone B. apple C. river"}
    template = tokenizer.apply_chat_template([message], tokenize=False, add_generation_prompt=True)
    assert template.endswith("\n")
    # The model breaks the line after this template, and does not after this prose.
    chat, prose = (tokenizer(text).input_ids for text in (template[:-1], "The capital of France"))
    line = tokenizer("\n").input_ids
    letters = [line + tokenizer(letter).input_ids for letter in "ABC"]
    return {
        "checkpoint": checkpoint.model_dump(mode="json"),
        "score": [
            (tokenizer(c).input_ids, tokenizer(r).input_ids) for c in CONTEXTS for r in RESTS
        ],
        "generate": [tokenizer(context).input_ids for context in CONTEXTS],
        "choices": [(context, letter) for context in (chat, prose) for letter in letters],
        "expected passes": [chat, prose, prose + line],
        "shared": sharing(),
    }


def sharing() -> Pairs:
    """Texts that share beginnings in every way that matters to blocks of 32 tokens.

    Contexts that end before, at and behind the end of a block, choices that begin alike for less
    and more than a block, a choice that is the beginning of another one, requests asked twice, and
    texts shorter than a block.
    """
    draw = random.Random(3)

    def tokens(count: int) -> list[int]:
        return [draw.randrange(1000, 40_000) for _ in range(count)]

    examples = tokens(96)
    pairs: Pairs = [(tokens(5), tokens(3)), (tokens(5), tokens(3))]
    for more in (-1, 0, 1, 30, 31, 32):
        context = examples[:more] if more < 0 else examples + tokens(more)
        for alike in (0, 1, 3, 40):
            beginning = tokens(alike)
            pairs += [(context, beginning + tokens(4)) for _ in range(2)]
        longest = tokens(9)
        pairs += [(context, longest), (context, longest[:5]), (context, longest)]
    return pairs


@pytest.fixture(scope="module")
def answers(job: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("answers") / "out.json"
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("vllm_answers.py")), str(out)],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def same_scores(
    theirs: list[tuple[float, bool]], plain: Generator, pairs: Pairs, tolerance: float
) -> None:
    ours = plain.score([ScoreRequest(tuple(c), tuple(r)) for c, r in pairs])
    for (logprob, greedy), score in zip(theirs, ours, strict=True):
        assert logprob == pytest.approx(score.logprob, abs=tolerance)
        assert greedy == score.greedy


def test_vllm_equals_transformers(
    plain: Generator, job: dict[str, Any], answers: dict[str, Any]
) -> None:
    assert {len(rest) == 1 for _, rest in job["score"]} == {True, False}
    same_scores(answers["score"], plain, job["score"], tolerance=2e-3)
    asked = [GenerationRequest(tuple(prompt), 16, stop=(".",)) for prompt in job["generate"]]
    texts = plain.generate(asked)
    assert answers["generate"] == [[text.text, text.finish] for text in texts]
    assert answers["sampled"][0] == answers["sampled"][1]
    assert len(set(answers["sampled"][0])) > 1
    assert answers["crowded"] == [2] * 6
    assert answers["version"].startswith("vllm ")


def test_answers_do_not_depend_on_what_shares_the_engine(answers: dict[str, Any]) -> None:
    *texts, scores = answers["mixed"]
    *alone, expected = answers["alone"]
    assert texts == alone
    assert scores == pytest.approx(expected, abs=1e-4)


def test_what_texts_share_is_read_and_changes_no_score(
    plain: Generator, job: dict[str, Any], answers: dict[str, Any]
) -> None:
    (first, read), (second, again) = answers["runs"]
    same_scores(first, plain, job["shared"], tolerance=2e-3)
    assert first == second
    assert read == again, "what is read does not depend on what ended before"
    computed = sum(length - cached for length, cached in read)
    alone = sum(len(context) + len(rest) for context, rest in job["shared"])
    assert computed < alone / 2
    assert all(cached % answers["block"] == 0 for _, cached in read)


def test_choices_behind_a_line_break_are_one_pass_if_the_model_breaks_the_line(
    plain: Generator, job: dict[str, Any], answers: dict[str, Any]
) -> None:
    """And two where it does not; the scores are those of transformers either way."""
    assert answers["passes"] == job["expected passes"]
    same_scores(answers["choices"], plain, job["choices"], tolerance=1e-4)
