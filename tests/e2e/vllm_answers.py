"""Scores and generates with vLLM what standard input asks for: run as a process of its own."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import GenerationRequest, ScoreRequest


def answers(job: dict[str, Any]) -> dict[str, Any]:
    """What the engine makes of ``score``, ``choices`` and ``generate``."""
    engine: Any = load_generator(
        Checkpoint.model_validate(job["checkpoint"]),
        engine="vllm",
        device="cpu",
        dtype="float32",
        max_length=1024,
        prefix_caching=True,
    )
    prompts = [tuple(prompt) for prompt in job["generate"]]
    asked = [GenerationRequest(prompt, 16, stop=(".",)) for prompt in prompts]
    sampled = [GenerationRequest(prompt, 8, temperature=1.0, seed=5) for prompt in prompts]
    # More tokens than one step takes: with prompts run in pieces, seeded sampling would fail.
    long = (prompts[0] * 1000)[:900]
    crowded = [GenerationRequest(long, 2, temperature=1.0, seed=seed) for seed in range(6)]
    found = {
        "crowded": [a.tokens for a in engine.generate(crowded)],
        "score": scored(engine, job["score"]),
        "generate": [(a.text, a.finish) for a in engine.generate(asked)],
        "sampled": [[a.text for a in engine.generate(sampled)] for _ in range(2)],
        "version": engine.version,
    }
    found |= {
        "alone": at_once(engine, job, [[0], [1], [2]]),
        "mixed": at_once(engine, job, [[3, 4, 5]]),
    }
    passes, add = [], engine._engine.add

    def noted(name: str, one: Any) -> None:
        passes.append(one.prompt)
        add(name, one)

    engine._engine.add = noted
    choices = scored(engine, job["choices"])
    engine._engine.add = add
    return {**found, "choices": choices, "passes": passes, **shared(engine, job["shared"])}


def at_once(engine: Any, job: dict[str, Any], turns: list[list[int]]) -> list[Any]:
    """Answers of three jobs, two that generate and one that scores; those of a turn together."""
    prompts = [tuple(prompt) for prompt in job["generate"]]
    short = [GenerationRequest(prompt, 8) for prompt in prompts]
    long = [GenerationRequest(prompt[:-1], 24) for prompt in prompts]
    scoring = [ScoreRequest(tuple(context), tuple(rest)) for context, rest in job["score"]]

    def start(rank: int) -> Any:
        begin = [
            lambda: engine.start_generating(long, rank=(rank,)),
            lambda: engine.start_scoring(scoring, (rank,)),
            lambda: engine.start_generating(short, rank=(rank,)),
        ]
        return begin[rank % 3]()

    found = []
    for turn in turns:
        calls = [start(rank) for rank in turn]
        engine.step()
        assert all(call.seconds > 0 for call in calls), "all had requests in that step"
        while not all(call.done for call in calls):
            engine.step()
        found += [call.result() for call in calls]
    texts = [[answer.text for answer in found[index]] for index in (0, 2)]
    return [*texts, [score.logprob for score in found[1]]]


def shared(engine: Any, pairs: list[tuple[list[int], list[int]]]) -> dict[str, Any]:
    """Scores of texts that share beginnings, asked by two jobs, and what each pass read."""
    step = engine._engine.step
    runs = []
    for job in range(2):
        read: list[tuple[int, int]] = []

        def noted(read: list[tuple[int, int]] = read) -> Any:
            ended = step()
            read += [(len(one.prompt_token_ids), one.num_cached_tokens) for _, one in ended]
            return ended

        engine._engine.step = noted
        runs.append((scored(engine, pairs, job), sorted(read)))
    return {"block": engine._engine.block, "runs": runs}


def scored(
    engine: Any, pairs: list[tuple[list[int], list[int]]], job: int = 0
) -> list[tuple[float, bool]]:
    """Log-probability of each continuation, and whether it is the greedy one."""
    asked = [ScoreRequest(tuple(context), tuple(rest)) for context, rest in pairs]
    call = engine.start_scoring(asked, (job,))
    while not call.done:
        engine.step()
    return [(score.logprob, score.greedy) for score in call.result()]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps(answers(json.load(sys.stdin))))
