"""Scoring continuations with vLLM: the requests it takes, and what their answers say."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from evalsuite.engines.call_scheduler import Pass
from evalsuite.engines.generation import not_finite
from evalsuite.engines.protocols import Score, ScoreRequest
from evalsuite.engines.vllm.score_plan import ScorePlan, Tokens, WholeText, plan_scores, positions

MAX_CANDIDATES = 128
"""Token ids that vLLM scores at one position (its ``MAX_LOGPROB_TOKEN_IDS``)."""

Positions = tuple[tuple[Tokens, Tokens], ...]
"""What one pass answers: contexts, each a token longer than the one before, with the token ids
whose log-probabilities behind it are asked for."""


LogProbs = tuple[float, float]
"""Log-probabilities at one position: of the token that stands there, and of the likeliest one."""


class Scoring:
    """A call that scores continuations, pass by pass.

    Args:
        requests: What is asked.
        params: Makes vLLM's sampling parameters.
        block: Tokens in a block of what prompts with the same beginning read; ``None`` if they
            read nothing.
    """

    def __init__(
        self, requests: Sequence[ScoreRequest], params: Callable[..., Any], block: int | None = None
    ) -> None:
        self._requests = requests
        self._params = params
        self._asked = list(dict.fromkeys(one for one in requests if one.continuation_ids))
        plan = plan_scores(self._asked, block)
        self._passes: list[Positions | WholeText] = [*_passes(plan), *plan.whole]
        self._known: dict[tuple[Tokens, int], LogProbs] = {}
        """Context and token → what is known of a position."""
        self._rest: dict[int, list[LogProbs]] = {}
        """Request → what is known of its last tokens."""

    def __len__(self) -> int:
        """Number of passes so far."""
        return len(self._passes)

    def prompt(self, index: int) -> Tokens:
        """The token ids of a pass."""
        one = self._passes[index]
        if not isinstance(one, WholeText):
            return one[0][0]
        request = self._asked[one.request]
        return request.context_ids + request.continuation_ids

    def readable(self, index: int) -> int:
        """How many of a pass's tokens the engine reads instead of computing them, if it has them.

        What stands behind a token is computed with it.
        """
        one = self._passes[index]
        return 0 if isinstance(one, WholeText) and not one.reads else len(self.prompt(index)) - 1

    def build(self, index: int) -> Pass:
        """A pass as vLLM takes it."""
        one = self._passes[index]
        if isinstance(one, WholeText):
            params = self._params(
                temperature=0,
                max_tokens=1,
                detokenize=False,
                prompt_logprobs=1,
                flat_logprobs=True,
                # Without this a prompt whose log-probabilities are asked for reads nothing.
                skip_reading_prefix_cache=not one.reads,
            )
            return Pass(self.prompt(index), params)
        tokens = {token for _, tokens in one for token in tokens}
        params = self._params(
            temperature=0,
            max_tokens=len(one),
            detokenize=False,
            logprob_token_ids=sorted(tokens),
        )
        return Pass(self.prompt(index), params)

    def on_answer(self, index: int, answer: Any) -> range:
        """Take vLLM's answer to a pass.

        Returns:
            Further passes that it makes necessary: for a context a token longer, where the model
            went on by another token, or ended; for a text of which too much was read.
        """
        one = self._passes[index]
        if isinstance(one, WholeText):
            request = self._asked[one.request]
            may_read = len(request.context_ids) + one.apart - 1
            if one.reads and (answer.num_cached_tokens or 0) > may_read:
                return self._more(replace(one, reads=False))
            count = len(request.continuation_ids) - one.apart
            self._rest[one.request] = _last_logprobs(answer.prompt_logprobs, count)
            return range(0)
        output, here = answer.outputs[0], one[0][0]
        for place, (context, tokens) in enumerate(one):
            if place and (context != here or place == len(output.token_ids)):
                return self._more(one[place:])
            table, best = output.logprobs[place], output.token_ids[place]
            for token in tokens:
                self._known[context, token] = table[token].logprob, table[best].logprob
            here += (best,)
        return range(0)

    def _more(self, one: Positions | WholeText) -> range:
        self._passes.append(one)
        return range(len(self) - 1, len(self))

    def collect(self) -> list[Score]:
        """The scores, once all passes are answered."""
        found = {one: self._score(index, one) for index, one in enumerate(self._asked)}
        return [found.get(one, Score(logprob=0.0, greedy=True)) for one in self._requests]

    def _score(self, index: int, request: ScoreRequest) -> Score:
        rest = self._rest.get(index, [])
        first = islice(positions(request), len(request.continuation_ids) - len(rest))
        found = [*(self._known[position] for position in first), *rest]
        total = math.fsum(own for own, _ in found)
        if not math.isfinite(total):
            raise not_finite()
        return Score(logprob=total, greedy=all(own >= best for own, best in found))


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


def _last_logprobs(flat: Any, count: int) -> list[LogProbs]:
    """Log-probabilities of the prompt's last tokens, and of the best ones there.

    vLLM lists each position's own token first and the most likely one after it. What it has for
    positions that were read is nothing, or memory that was never written.
    """
    return [
        (flat.logprobs[first], max(flat.logprobs[first], flat.logprobs[first + 1]))
        for first in flat.start_indices[-count:]
    ]
