"""Generation and scoring with vLLM, inside the current process: see :mod:`.vllm_common`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from evalsuite.engines.base import (
    Completion,
    Device,
    DType,
    Ended,
    GenerationRequest,
    Score,
    ScoreRequest,
)
from evalsuite.engines.device import resolve_dtype
from evalsuite.engines.generators import check_ids, not_finite
from evalsuite.engines.score_plan import plan_scores, positions
from evalsuite.engines.vllm_common import VllmEngine, prepare

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint

MAX_CANDIDATES = 128
"""Token ids that vLLM scores at one position (its ``MAX_LOGPROB_TOKEN_IDS``)."""

WAVE = 16_384
"""Requests of one call: the engine is short of work only at a call's end."""

WINDOW = {"cpu": 256, "cuda": 2048}
"""Requests that the engine holds at a time, waiting ones included."""

CPU_BATCHED_TOKENS = 4096


class VllmGenerator:
    """A causal language model in a vLLM engine.

    Args:
        checkpoint: The checkpoint.
        device: ``cuda`` or ``cpu`` must be what the installed vLLM was built for.
        dtype: Precision.
        max_length: Context length in tokens.

    Raises:
        EngineError: If vLLM is not installed, was built for another device, or fails to load
            the model.
    """

    def __init__(
        self, checkpoint: Checkpoint, *, device: Device, dtype: DType, max_length: int
    ) -> None:
        target = prepare(device)
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        self._engine = VllmEngine(
            checkpoint,
            target,
            WINDOW[target],
            dtype=resolve_dtype(dtype, target, "generative"),
            max_model_len=max_length,
            **_scheduling(target, max_length),
        )
        self._params: Any = partial(SamplingParams, output_kind=RequestOutputKind.FINAL_ONLY)
        self._name = checkpoint.name

    @property
    def version(self) -> str:
        return self._engine.version

    @property
    def max_length(self) -> int:
        return int(self._engine.model_config.max_model_len)

    @property
    def _rows(self) -> int:
        """Tokens that there are embeddings for."""
        return int(self._engine.model_config.get_vocab_size())

    @property
    def wave(self) -> int:
        return WAVE

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        check_ids(requests, self._rows, self._name)
        params = [
            self._params(
                max_tokens=request.max_tokens,
                stop=list(request.stop),
                temperature=request.temperature,
                top_p=request.top_p,
                top_k=request.top_k,
                seed=request.seed,
                # As lm-eval does, so that a stop string may be a special token's text.
                skip_special_tokens=False,
                spaces_between_special_tokens=False,
            )
            for request in requests
        ]
        prompts = [request.prompt_ids for request in requests]
        completions: dict[int, Completion] = {}
        for index, answer in self._engine.steps(prompts, params):
            completions[index] = _completion(answer.outputs[0])
            if ended:
                ended(index, completions[index])
        return [completions[index] for index in range(len(requests))]

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Score continuations; see the protocol, and :func:`plan_scores` for what is run."""
        check_ids(requests, self._rows, self._name)
        asked = [request for request in requests if request.continuation_ids]
        plan = plan_scores(asked)
        groups = [
            (context, tokens[start : start + MAX_CANDIDATES])
            for context, tokens in plan.positions.items()
            for start in range(0, len(tokens), MAX_CANDIDATES)
        ]
        prompts = [context for context, _ in groups]
        params = [self._candidates(tokens) for _, tokens in groups]
        for index in plan.whole:
            prompts.append(asked[index].context_ids + asked[index].continuation_ids)
            params.append(self._whole_prompt())
        answers = self._run(prompts, params)
        known: dict[tuple[tuple[int, ...], int], tuple[float, float]] = {}
        for (context, tokens), answer in zip(groups, answers[: len(groups)], strict=True):
            table, best = answer.outputs[0].logprobs[0], answer.outputs[0].token_ids[0]
            for token in tokens:
                known[context, token] = table[token].logprob, table[best].logprob
        scores: dict[int, Score] = {}
        for index, answer in zip(plan.whole, answers[len(groups) :], strict=True):
            start = len(asked[index].context_ids)
            scores[index] = _score(*_prompt_logprobs(answer.prompt_logprobs, start))
        for index, request in enumerate(asked):
            if index not in scores:
                pairs = [known[position] for position in positions(request)]
                scores[index] = _score(*zip(*pairs, strict=True))
        found = iter(scores[index] for index in range(len(asked)))
        nothing = Score(logprob=0.0, greedy=True)
        return [next(found) if request.continuation_ids else nothing for request in requests]

    def _candidates(self, token_ids: Sequence[int]) -> Any:
        return self._params(
            temperature=0,
            max_tokens=1,
            detokenize=False,
            logprob_token_ids=sorted(token_ids),
        )

    def _whole_prompt(self) -> Any:
        return self._params(
            temperature=0, max_tokens=1, detokenize=False, prompt_logprobs=1, flat_logprobs=True
        )

    def _run(self, prompts: Sequence[tuple[int, ...]], params: list[Any]) -> list[Any]:
        answers = dict(self._engine.steps(prompts, params))
        return [answers[index] for index in range(len(prompts))]

    def close(self) -> None:
        self._engine.close()


def _scheduling(target: str, max_length: int) -> dict[str, Any]:
    """On a CPU each prompt is run in one piece.

    vLLM samples after each piece and, for all but the last, takes the random numbers back; the
    generator of a CPU cannot do that, and seeded sampling fails ("CPU Generator does not use
    offset").
    """
    if target != "cpu":
        return {}
    tokens = max(CPU_BATCHED_TOKENS, max_length)
    return {"enable_chunked_prefill": False, "max_num_batched_tokens": tokens}


def _completion(output: Any) -> Completion:
    return Completion(
        text=output.text,
        tokens=len(output.token_ids),
        finish="length" if output.finish_reason == "length" else "stop",
    )


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
