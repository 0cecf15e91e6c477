"""What the judge is told, and how its reply is read."""

from __future__ import annotations

import json
import time

import pytest

from evalsuite.judging.prompt import load_prompt, parse_ranking
from helpers.fake_judge import ranking


def test_the_prompt_is_that_of_alpaca_eval_gpt4() -> None:
    prompt = load_prompt()
    assert (prompt.name, prompt.max_tokens, prompt.temperature) == ("alpaca_eval_gpt4", 100, 0)
    system, user = prompt.fill("Say hi.", "hi", "hello")
    assert system == (
        "system",
        "You are a helpful assistant, that ranks models by the quality of their answers.",
    )
    lines = user[1].splitlines()
    assert lines[0].startswith("I want you to create a leaderboard of different of large-language")
    assert lines[2:18] == [
        "Here is the prompt:",
        "{",
        '    "instruction": """Say hi.""",',
        "}",
        "",
        "Here are the outputs of the models:",
        "[",
        "    {",
        '        "model": "model_1",',
        '        "answer": """hi"""',
        "    },",
        "    {",
        '        "model": "model_2",',
        '        "answer": """hello"""',
        "    }",
        "]",
    ]
    assert lines[-1].endswith("Please provide the ranking that the majority of humans would give.")
    assert user[1] == user[1].strip()


def test_answers_cannot_fill_other_places() -> None:
    _, (_, user) = load_prompt().fill("{output_1}", "{output_2} {instruction}", "\\1 {x}")
    assert '"instruction": """{output_1}"""' in user
    assert '"answer": """{output_2} {instruction}"""' in user
    assert '"answer": """\\1 {x}"""' in user


PLAIN = [
    (ranking(1, 2), 1.0),
    (ranking(2, 1), 0.0),
    (f"\n {ranking(1, 2)}\n", 1.0),
    (f"```python\n{ranking(2, 1)}\n```", 0.0),
    (json.dumps([{"model": "model_2", "rank": 1}, {"model": "model_1", "rank": 2}]), 0.0),
    ('[{"model": "model_1", "rank": 1, "why": null}]', 1.0),
    (ranking(1, 1), 0.5),
    (ranking(2, 2), 0.5),
    ("({'model': 'model_1', 'rank': 2},)", 0.0),
]
NO_RANKING = [
    "",
    "model_1 is better",
    ranking(3, 1),  # alpaca-eval: nan
    ranking(0, 1),
    "[{'model': 'model_1', 'rank': '1'}]",
    "[{'model': 'model_1', 'rank': True}]",
    "[{'model': 'model_1', 'rank': 1.0}]",
    "[{'model': 'model_2', 'rank': 1}]",
    "[{'model': ['model_1'], 'rank': 1}]",
    "{'model': 'model_1', 'rank': 1}",
    "[['model', 'rank']]",
    f"I think: {ranking(1, 2)}",
    ranking(1, 2)[:-1],
    "__import__('os').system('touch /tmp/owned')",
    "[{'model': 'model_1', 'rank': __import__('os').getpid()}]",
    "[{'model': 'model_1', 'rank': 2 - 1}]",
    "[" * 5000,
    "[" * 500 + "]" * 500,
    "-" * 1500 + "1",
    "- " * 900 + "1",
    "(" * 90 + ")" * 90,
    "{[({[(" * 200,
    "9" * 1999,
    f"[{ranking(1, 2)}, {'x' * 10_000_000!r}]",
    "\x00",
    "\ud800",
    "```python\n```",
]


@pytest.mark.parametrize(("reply", "share"), PLAIN)
def test_rankings(reply: str, share: float) -> None:
    assert parse_ranking(reply) == share


@pytest.mark.parametrize("reply", NO_RANKING, ids=range(len(NO_RANKING)))
def test_what_is_no_ranking_is_none_at_once(reply: str) -> None:
    started = time.perf_counter()
    assert parse_ranking(reply) is None
    assert time.perf_counter() - started < 0.5
