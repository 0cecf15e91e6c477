"""Generation and scoring with vLLM, inside the current process.

Use it only in a process of its own that exits afterwards: see
:mod:`evalsuite.engines.vllm.engine`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from evalsuite.engines.device import resolve_dtype
from evalsuite.engines.generators import check_ids
from evalsuite.engines.protocols import (
    Completion,
    Device,
    DType,
    Ended,
    GenerationRequest,
    Score,
    ScoreRequest,
)
from evalsuite.engines.vllm.engine import VllmEngine, prepare
from evalsuite.engines.vllm.scoring import Scoring
from evalsuite.engines.vllm.window import Ongoing, Pass, Rank, Result, Window

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint

WAVE = 16_384
"""Requests of one call: the engine is short of work only at a call's end."""

WINDOW = {"cpu": 256, "cuda": 2048}
"""Requests that the engine holds at a time, waiting ones included."""

CPU_BATCHED_TOKENS = 4096

CPU_CACHE = 0.25
"""Share of a CPU machine's free memory for keys and values; measured in ``docs/pipeline.md``."""


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
        target = prepare(device)
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        self._engine = VllmEngine(
            checkpoint,
            target,
            prefix_caching=prefix_caching,
            dtype=resolve_dtype(dtype, target, "generative"),
            max_model_len=max_length,
            cpu_cache=CPU_CACHE,
            **_scheduling(target, max_length),
        )
        self._window = Window(self._engine, WINDOW[target])
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
        return self._window.finish(self.start_generating(requests, ended))

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Score continuations; see the protocol, and :class:`Scoring` for what is run."""
        return self._window.finish(self.start_scoring(requests))

    def start_generating(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None, rank: Rank = ()
    ) -> Ongoing[Completion]:
        """See :class:`~evalsuite.engines.protocols.SharedGenerator`."""
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
        """See :class:`~evalsuite.engines.protocols.SharedGenerator`."""
        check_ids(requests, self._rows, self._name)
        scoring = Scoring(requests, self._params)

        def heard(index: int, answer: Any) -> None:
            call.waiting.extend(scoring.heard(index, answer))

        call = Ongoing(len(scoring), scoring.build, heard, scoring.together, rank)
        return self._opened(call)

    def step(self) -> None:
        """See :class:`~evalsuite.engines.protocols.SharedGenerator`."""
        self._window.step()

    def cancel(self, call: Ongoing[Any]) -> None:
        """See :class:`~evalsuite.engines.protocols.SharedGenerator`."""
        self._window.cancel(call)

    def _opened(self, call: Ongoing[Result]) -> Ongoing[Result]:
        self._window.open(call)
        return call

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
