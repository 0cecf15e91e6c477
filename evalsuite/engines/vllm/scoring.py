"""Scoring continuations with vLLM: the requests it takes, and what their answers say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from evalsuite.engines.call_scheduler import Pass
from evalsuite.engines.generation import not_finite
from evalsuite.engines.protocols import Score, ScoreRequest
from evalsuite.engines.vllm.score_plan import ScorePlan, Tokens, plan_scores, positions

MAX_CANDIDATES = 128
"""Token ids that vLLM scores at one position (its ``MAX_LOGPROB_TOKEN_IDS``)."""

Positions = tuple[tuple[Tokens, Tokens], ...]
"""What one pass answers: contexts, each a token longer than the one before, with the token ids
whose log-probabilities behind it are asked for."""


class Scoring:
    """A call that scores continuations, pass by pass.

    Args:
        requests: What is asked.
        params: Makes vLLM's sampling parameters.
    """

    def __init__(self, requests: Sequence[ScoreRequest], params: Callable[..., Any]) -> None:
        self._requests = requests
        self._params = params
        self._asked = [request for request in requests if request.continuation_ids]
        plan = plan_scores(self._asked)
        self._passes: list[Positions | int] = [*_passes(plan), *plan.whole]
        self._known: dict[tuple[Tokens, int], tuple[float, float]] = {}
        self._scores: dict[int, Score] = {}

    def __len__(self) -> int:
        """Number of passes so far."""
        return len(self._passes)

    def build(self, index: int) -> Pass:
        """A pass as vLLM takes it."""
        one = self._passes[index]
        if not isinstance(one, int):
            tokens = {token for _, tokens in one for token in tokens}
            params = self._params(
                temperature=0,
                max_tokens=len(one),
                detokenize=False,
                logprob_token_ids=sorted(tokens),
            )
            return Pass(one[0][0], params)
        request = self._asked[one]
        params = self._params(
            temperature=0, max_tokens=1, detokenize=False, prompt_logprobs=1, flat_logprobs=True
        )
        return Pass(request.context_ids + request.continuation_ids, params)

    def on_answer(self, index: int, answer: Any) -> range:
        """Take vLLM's answer to a pass.

        Returns:
            Further passes that it makes necessary: for a context a token longer, where the model
            went on by another token, or ended.
        """
        one = self._passes[index]
        if isinstance(one, int):
            start = len(self._asked[one].context_ids)
            self._scores[one] = _score(*_prompt_logprobs(answer.prompt_logprobs, start))
            return range(0)
        output, here = answer.outputs[0], one[0][0]
        for place, (context, tokens) in enumerate(one):
            if place and (context != here or place == len(output.token_ids)):
                self._passes.append(one[place:])
                return range(len(self) - 1, len(self))
            table, best = output.logprobs[place], output.token_ids[place]
            for token in tokens:
                self._known[context, token] = table[token].logprob, table[best].logprob
            here += (best,)
        return range(0)

    def collect(self) -> list[Score]:
        """The scores, once all passes are answered."""
        for index, request in enumerate(self._asked):
            if index not in self._scores:
                pairs = [self._known[position] for position in positions(request)]
                self._scores[index] = _score(*zip(*pairs, strict=True))
        found = iter(self._scores[index] for index in range(len(self._asked)))
        nothing = Score(logprob=0.0, greedy=True)
        return [next(found) if request.continuation_ids else nothing for request in self._requests]


def _passes(plan: ScorePlan) -> list[Positions]:
    """One pass for each context; two contexts share a pass where one is the other plus a token.

    If the model's choice after the shorter context is that token, the pass goes through the longer
    context too, and so answers both.
    """
    asked = plan.positions
    pairs = {
        context: longer
        for context, longer in plan.longer.items()
        if len(asked[context]) + len(asked[longer]) <= MAX_CANDIDATES
    }
    second = set(pairs.values())
    passes: list[Positions] = []
    for context, tokens in asked.items():
        if context in pairs:
            passes.append(((context, tokens), (pairs[context], asked[pairs[context]])))
        elif context not in second:
            starts = range(0, len(tokens), MAX_CANDIDATES)
            passes += [((context, tokens[start : start + MAX_CANDIDATES]),) for start in starts]
    return passes


def _prompt_logprobs(flat: Any, start: int) -> tuple[list[float], list[float]]:
    """Log-probabilities of the prompt's tokens from ``start`` on, and of the best ones there.

    vLLM lists each position's own token first and the most likely one after it.
    """
    first = flat.start_indices[start:]
    own = [flat.logprobs[index] for index in first]
    best = [max(flat.logprobs[index], flat.logprobs[index + 1]) for index in first]
    return own, best


def _score(own: Sequence[float], best: Sequence[float]) -> Score:
    total = math.fsum(own)
    if not math.isfinite(total):
        raise not_finite()
    return Score(logprob=total, greedy=all(a >= b for a, b in zip(own, best, strict=True)))
