"""A generator that gives the answers a test wrote down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from evalsuite.engines.protocols import Completion, Ended, GenerationRequest, Score, ScoreRequest


class Scripted:
    """Gives answers that the test wrote down, so that the right score is known."""

    version, max_length, wave = "scripted 1", 16_384, 64

    def __init__(self, tokenizer: Any, answer: Callable[[str, int], str]) -> None:
        self.tokenizer = tokenizer
        self.answer = answer
        self.prompts: list[str] = []

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        answers = []
        for index, request in enumerate(requests):
            self.prompts.append(self.tokenizer.decode(request.prompt_ids))
            whole = self.answer(self.prompts[-1], request.seed or 0)
            ends = [at for stop in request.stop if (at := whole.find(stop)) >= 0]
            answers.append(Completion(whole[: min(ends, default=None)], 1, "stop"))
            if ended:
                ended(index, answers[-1])
        return answers

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Prefers the continuation that the script gives."""
        scores = []
        for request in requests:
            self.prompts.append(self.tokenizer.decode(request.context_ids))
            text = self.tokenizer.decode(request.continuation_ids)
            # lm-eval moves white space at the end of a prompt into the continuation.
            right = text.strip() == self.answer(self.prompts[-1], 0).strip()
            scores.append(Score(-1.0 if right else -2.0, right))
        return scores

    def close(self) -> None:
        pass
