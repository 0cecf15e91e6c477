"""Generation and scoring with vLLM, inside the current process.

Use it only in a process of its own that exits afterwards: see
:mod:`evalsuite.engines.vllm.engine`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from evalsuite.engines.call_scheduler import CallScheduler, OngoingCall, Pass, Rank, Result
from evalsuite.engines.cuda.gpu import Gpu
from evalsuite.engines.device import DeviceName, DTypeName
from evalsuite.engines.generation import check_ids
from evalsuite.engines.protocols import (
    Completion,
    Ended,
    GenerationRequest,
    Score,
    ScoreRequest,
)
from evalsuite.engines.vllm.engine import VllmEngine
from evalsuite.engines.vllm.scoring import Scoring
from evalsuite.engines.vllm.shared_beginnings import (
    EntryOrder,
    enter_behind,
    shared_beginnings,
)

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint

WAVE = 16_384
"""Requests of one call: the engine is short of work only at a call's end."""

HELD_REQUESTS = {"cpu": 256, "cuda": 2048}
"""Requests that the engine holds at a time, waiting ones included."""

CPU_BATCHED_TOKENS = 4096

CPU_BLOCK = 32
"""Tokens in a block where prompts read blocks: vLLM's 128 are more than most questions have, and
its attention on a CPU is not meant for fewer than 32."""

CPU_CACHE = 0.25
"""Share of a CPU machine's free memory for keys and values; measured in ``docs/pipeline.md``."""


class VllmGenerator:
    """A causal language model in a vLLM engine.

    Args:
        checkpoint: The checkpoint.
        gpu: Where to run; ``None`` for a CPU. The installed vLLM was built for it.
        dtype: Precision.
        max_length: Context length in tokens.
        prefix_caching: Whether beginnings that several prompts of a call share are computed once.
        gpu_memory: Share of the GPU's memory to take; ``None`` for what is free.
        eager: Whether to compile nothing and capture no CUDA graphs.

    Raises:
        EngineError: If vLLM fails to load the model.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        gpu: Gpu | None,
        dtype: DTypeName,
        max_length: int,
        prefix_caching: bool = False,
        gpu_memory: float | None = None,
        eager: bool = False,
    ) -> None:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        device: DeviceName = "cpu" if gpu is None else "cuda"
        self._engine = VllmEngine(
            checkpoint,
            gpu,
            gpu_memory=gpu_memory,
            eager=eager,
            prefix_caching=prefix_caching,
            dtype=dtype,
            max_model_len=max_length,
            cpu_cache=CPU_CACHE,
            **_scheduling(device, max_length, prefix_caching),
        )
        self._scheduler = CallScheduler(self._engine, HELD_REQUESTS[device])
        self._block = self._engine.block if prefix_caching else None
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
        return self._scheduler.finish(self.start_generating(requests, ended))

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Score continuations; see the protocol, and :class:`Scoring` for what is run."""
        return self._scheduler.finish(self.start_scoring(requests))

    def start_generating(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None, rank: Rank = ()
    ) -> OngoingCall[Completion]:
        """See :class:`~evalsuite.engines.protocols.SharedGenerator`."""
        check_ids(requests, self._rows, self._name)
        completions: dict[int, Completion] = {}

        def build(index: int) -> Pass:
            return Pass(requests[index].prompt_ids, self._sampling(requests[index]))

        def on_answer(index: int, answer: Any) -> None:
            completions[index] = _completion(answer.outputs[0])
            if ended:
                ended(index, completions[index])

        def collect() -> list[Completion]:
            return [completions[index] for index in range(len(requests))]

        readable = [len(request.prompt_ids) - 1 for request in requests]
        return self._opened(OngoingCall(len(requests), build, on_answer, collect, rank), readable)

    def start_scoring(
        self, requests: Sequence[ScoreRequest], rank: Rank = ()
    ) -> OngoingCall[Score]:
        """See :class:`~evalsuite.engines.protocols.SharedGenerator`."""
        check_ids(requests, self._rows, self._name)
        scoring = Scoring(requests, self._params, self._block)

        def on_answer(index: int, answer: Any) -> None:
            call.waiting.extend(scoring.on_answer(index, answer))

        call = OngoingCall(len(scoring), scoring.build, on_answer, scoring.collect, rank)
        return self._opened(call, [scoring.readable(index) for index in range(len(scoring))])

    def step(self) -> None:
        """See :class:`~evalsuite.engines.protocols.SharedGenerator`."""
        self._scheduler.step()

    def cancel(self, call: OngoingCall[Any]) -> None:
        """See :class:`~evalsuite.engines.protocols.SharedGenerator`."""
        self._scheduler.cancel(call)

    def _opened(self, call: OngoingCall[Result], readable: Sequence[int]) -> OngoingCall[Result]:
        """Begin a call.

        Args:
            call: The call.
            readable: Of each pass, how many tokens it may read instead of computing them.
        """
        if self._block is not None:
            root = shared_beginnings(lambda index: call.build(index).prompt, readable, self._block)
            enter_behind(call, EntryOrder(root), self._params(temperature=0, max_tokens=1))
        self._scheduler.open(call)
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

    def details(self) -> dict[str, str]:
        """See :class:`~evalsuite.engines.protocols.Detailed`."""
        return self._engine.details()

    def close(self) -> None:
        self._engine.close()


def _scheduling(device: DeviceName, max_length: int, prefix_caching: bool) -> dict[str, Any]:
    """On a CPU each prompt is run in one piece.

    vLLM samples after each piece and, for all but the last, takes the random numbers back; the
    generator of a CPU cannot do that, and seeded sampling fails ("CPU Generator does not use
    offset").
    """
    if device != "cpu":
        return {}
    tokens = max(CPU_BATCHED_TOKENS, max_length)
    settings = {"enable_chunked_prefill": False, "max_num_batched_tokens": tokens}
    return settings | {"block_size": CPU_BLOCK} if prefix_caching else settings


def _completion(output: Any) -> Completion:
    return Completion(
        text=output.text,
        tokens=len(output.token_ids),
        finish="length" if output.finish_reason == "length" else "stop",
    )
