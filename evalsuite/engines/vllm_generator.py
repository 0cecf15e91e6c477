"""Generation and scoring with vLLM, inside the current process.

vLLM keeps threads, shared memory and environment variables to itself, and its teardown inside a
living process is not reliable: use this module only in a process of its own that exits
afterwards.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
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
from evalsuite.engines.device import engine_version, resolve_device, resolve_dtype
from evalsuite.engines.generators import check_ids, not_finite
from evalsuite.engines.score_plan import plan_scores, positions
from evalsuite.engines.window import Ongoing, Pass, Rank, Result, Window
from evalsuite.errors import EngineError

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint

ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "2",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_RAISE_ON_LOGIT_NANS": "1",
    "DO_NOT_TRACK": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
}
"""Set unless a person has set them: GiB of key-value cache on a CPU, an error instead of a token
where logits are NaN, and silence.

OpenMP threads wait by sleeping: measured on two cores, spinning ones were a quarter faster on an
idle machine, and three to five times slower where another process wanted the same cores.
"""

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
        prefix_caching: Whether to keep what was computed for the beginnings of prompts. Hits can
            change greedy output (vllm#5543, #40896).

    Raises:
        EngineError: If vLLM is not installed, was built for another device, or fails to load
            the model.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: Device,
        dtype: DType,
        max_length: int,
        prefix_caching: bool = False,
    ) -> None:
        # One process, no children: killing the worker frees everything.
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            import vllm
        except ImportError as error:
            raise EngineError(
                f"vLLM cannot be imported ({error})",
                "install evalsuite[cuda] or evalsuite[cpu], or use --engine transformers",
            ) from error
        target = _platform(resolve_device(device))
        precision = resolve_dtype(dtype, target, "generative")
        self._version = engine_version("vllm")
        try:
            self._llm: Any = vllm.LLM(
                str(checkpoint.path),
                dtype=precision,
                max_model_len=max_length,
                enforce_eager=target == "cpu",
                enable_prefix_caching=prefix_caching,
                **_scheduling(target, max_length),
                seed=0,
                disable_log_stats=True,
                trust_remote_code=checkpoint.trust_remote_code,
            )
        except (ValueError, RuntimeError, OSError) as error:
            first = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise EngineError(
                f"vLLM cannot load {checkpoint.name}: {first}",
                "try --engine transformers, or --max-length with fewer tokens",
            ) from error
        # The signature says what was asked for, and vLLM may decide otherwise.
        config = self._llm.llm_engine.vllm_config
        if bool(config.cache_config.enable_prefix_caching) != prefix_caching:
            which = "with" if prefix_caching else "without"
            raise EngineError(f"vLLM cannot run {checkpoint.name} {which} prefix caching")
        if config.model_config.max_model_len != max_length:
            raise EngineError(
                f"vLLM gives {checkpoint.name} a context of {config.model_config.max_model_len}"
                f" tokens, not {max_length}"
            )
        self._params: Any = vllm.SamplingParams
        self._name = checkpoint.name
        self._window = Window(_Engine(self._llm.llm_engine), WINDOW[target])

    @property
    def version(self) -> str:
        return self._version

    @property
    def max_length(self) -> int:
        return int(self._llm.llm_engine.model_config.max_model_len)

    @property
    def _rows(self) -> int:
        """Tokens that there are embeddings for."""
        return int(self._llm.llm_engine.model_config.get_vocab_size())

    @property
    def wave(self) -> int:
        return WAVE

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        return self._finished(self.start_generating(requests, ended))

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Score continuations; see the protocol, and :func:`plan_scores` for what is run."""
        return self._finished(self.start_scoring(requests))

    def start_generating(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None, rank: Rank = ()
    ) -> Ongoing[Completion]:
        """See :class:`~evalsuite.engines.base.SharedGenerator`."""
        check_ids(requests, self._rows, self._name)
        completions: dict[int, Completion] = {}

        def build(index: int) -> Pass:
            return Pass(requests[index].prompt_ids, self._sampling(requests[index]))

        def heard(index: int, answer: Any) -> None:
            completions[index] = _completion(answer.outputs[0])
            if ended:
                ended(index, completions[index])

        def together() -> list[Completion]:
            return [completions[index] for index in range(len(requests))]

        return self._opened(Ongoing(len(requests), build, heard, together, rank))

    def start_scoring(self, requests: Sequence[ScoreRequest], rank: Rank = ()) -> Ongoing[Score]:
        """See :class:`~evalsuite.engines.base.SharedGenerator`."""
        check_ids(requests, self._rows, self._name)
        asked = [request for request in requests if request.continuation_ids]
        plan = plan_scores(asked)
        groups = [
            (context, tokens[start : start + MAX_CANDIDATES])
            for context, tokens in plan.positions.items()
            for start in range(0, len(tokens), MAX_CANDIDATES)
        ]
        known: dict[tuple[tuple[int, ...], int], tuple[float, float]] = {}
        scores: dict[int, Score] = {}

        def build(index: int) -> Pass:
            if index < len(groups):
                context, tokens = groups[index]
                return Pass(context, self._candidates(tokens))
            request = asked[plan.whole[index - len(groups)]]
            return Pass(request.context_ids + request.continuation_ids, self._whole_prompt())

        def heard(index: int, answer: Any) -> None:
            if index < len(groups):
                context, tokens = groups[index]
                table, best = answer.outputs[0].logprobs[0], answer.outputs[0].token_ids[0]
                for token in tokens:
                    known[context, token] = table[token].logprob, table[best].logprob
            else:
                whole = plan.whole[index - len(groups)]
                start = len(asked[whole].context_ids)
                scores[whole] = _score(*_prompt_logprobs(answer.prompt_logprobs, start))

        def together() -> list[Score]:
            for index, request in enumerate(asked):
                if index not in scores:
                    pairs = [known[position] for position in positions(request)]
                    scores[index] = _score(*zip(*pairs, strict=True))
            found = iter(scores[index] for index in range(len(asked)))
            nothing = Score(logprob=0.0, greedy=True)
            return [next(found) if request.continuation_ids else nothing for request in requests]

        passes = len(groups) + len(plan.whole)
        return self._opened(Ongoing(passes, build, heard, together, rank))

    def step(self) -> None:
        """See :class:`~evalsuite.engines.base.SharedGenerator`."""
        self._window.step()

    def cancel(self, call: Ongoing[Any]) -> None:
        """See :class:`~evalsuite.engines.base.SharedGenerator`."""
        self._window.cancel(call)

    def _opened(self, call: Ongoing[Result]) -> Ongoing[Result]:
        self._window.open(call)
        return call

    def _finished(self, call: Ongoing[Result]) -> list[Result]:
        try:
            while not call.done:
                self._window.step()
        finally:
            self._window.cancel(call)
        return call.result()

    def _sampling(self, request: GenerationRequest) -> Any:
        return self._params(
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

    def close(self) -> None:
        del self._window, self._llm


class _Engine:
    """vLLM's engine, step by step.

    ``LLM.generate`` gives nothing back before the last prompt has ended.
    """

    def __init__(self, engine: Any) -> None:
        from vllm.sampling_params import RequestOutputKind

        self._engine = engine
        self._final = RequestOutputKind.FINAL_ONLY

    def add(self, name: str, one: Pass) -> None:
        one.settings.output_kind = self._final
        try:
            self._engine.add_request(name, {"prompt_token_ids": list(one.prompt)}, one.settings)
        except (ValueError, RuntimeError) as error:
            raise _failure(error) from error

    def step(self) -> list[tuple[str, Any]]:
        try:
            outputs = self._engine.step()
        except (ValueError, RuntimeError) as error:
            raise _failure(error) from error
        return [(output.request_id, output) for output in outputs if output.finished]

    def abort(self, names: Sequence[str]) -> None:
        self._engine.abort_request(list(names))


def _platform(device: str) -> str:
    """The device that the installed vLLM was built for, if it is the one asked for."""
    from vllm.platforms import current_platform

    built_for = "cpu" if current_platform.is_cpu() else "cuda"
    if device != built_for:
        raise EngineError(
            f"the installed vLLM runs on {built_for}, not on {device}",
            f"pass --device {built_for}, or install the other build of vLLM",
        )
    return built_for


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


def _failure(error: Exception) -> EngineError:
    """What vLLM raises while it runs, as an error that a person can act on."""
    if "NaNs detected in logits" in str(error):
        return not_finite()
    return EngineError(f"vLLM failed: {error}", "try --engine transformers")


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
