"""Generation and scoring with transformers alone.

Without prefix caching it is simple code, to check all else against. With it, what texts begin with
in common is computed once.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from evalsuite.engines.cuda.placing import straight_to
from evalsuite.engines.device import DeviceName, DTypeName, engine_version
from evalsuite.engines.generation import check_ids, cut_at_stop, is_not_finite, not_finite
from evalsuite.engines.length_batches import HalvingBudget
from evalsuite.engines.protocols import (
    Completion,
    Ended,
    GenerationRequest,
    Score,
    ScoreRequest,
)
from evalsuite.engines.transformers.key_values import KeyValues
from evalsuite.engines.transformers.shared_prompts import (
    common_beginning,
    key_values_of,
    left_padded,
)
from evalsuite.engines.transformers.shared_scoring import ROW_TOKENS, SharedScoring
from evalsuite.engines.transformers.sharing import check_sharing
from evalsuite.errors import EngineError, first_line

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint

WAVE = {"cpu": 32, "cuda": 256}
"""Device → requests of one call."""

BATCH_TOKENS = {"cpu": 8192, "cuda": 131_072}
"""Device → padded tokens of one forward pass, those to be generated included; bounds the memory for
activations and for keys and values. Halved where it does not fit."""

STOP_CHECK_TOKENS = 16
"""Tokens at the end that are decoded to look for a stop string after each step, on top of as
many as the longest stop string has characters."""


class TransformersGenerator:
    """A causal language model in transformers.

    Args:
        checkpoint: The checkpoint.
        device: Where to run.
        dtype: Precision.
        max_length: Context length in tokens.
        prefix_caching: Whether beginnings that several texts of a call share are computed once.
            :func:`~evalsuite.engines.transformers.sharing.why_not_shared` has nothing against it.

    Raises:
        EngineError: If the model cannot be loaded, or scores otherwise with shared beginnings.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        device: DeviceName,
        dtype: DTypeName,
        max_length: int,
        prefix_caching: bool = False,
    ) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        self._device = device
        self._budget = HalvingBudget(BATCH_TOKENS[device])
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                checkpoint.tokenizer_path, trust_remote_code=checkpoint.trust_remote_code
            )
            model: Any = AutoModelForCausalLM.from_pretrained(
                checkpoint.path,
                dtype=getattr(torch, dtype),
                trust_remote_code=checkpoint.trust_remote_code,
                **straight_to(device),
            )
        except (ValueError, RuntimeError, OSError) as error:
            raise EngineError(
                f"transformers cannot load {checkpoint.name}: {first_line(error)}"
            ) from error
        self._model = model.eval()
        self._name = checkpoint.name
        self._rows = int(model.get_input_embeddings().num_embeddings)
        self._max_length = max_length
        self._end_ids = _end_ids(model, self._tokenizer)
        self._pad_id = next(iter(sorted(self._end_ids)), 0)
        self._shared: SharedScoring | None = None
        if prefix_caching:
            self._shared = SharedScoring(model, device, ROW_TOKENS[device])
            self._check_sharing(dtype)

    @property
    def version(self) -> str:
        return engine_version("transformers")

    @property
    def max_length(self) -> int:
        return self._max_length

    @property
    def wave(self) -> int:
        return WAVE[self._device]

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        check_ids(requests, self._rows, self._name)
        completions: dict[int, Completion] = {}

        def answer(states: KeyValues | None, batch: list[int]) -> None:
            answers = self._generate_batch([requests[index] for index in batch], states)
            for index, completion in zip(batch, answers, strict=True):
                completions[index] = completion
                if ended:
                    ended(index, completion)

        for members in _alike(requests):
            lengths = [len(requests[i].prompt_ids) + requests[i].max_tokens for i in members]
            states = self._common_states([requests[i].prompt_ids for i in members])
            self._budget.run(lengths, partial(answer, states), members)
        return [completions[index] for index in range(len(requests))]

    def _common_states(self, prompts: Sequence[tuple[int, ...]]) -> KeyValues | None:
        """What the model keeps of the beginning that prompts have in common, if that is worth it.

        A call has prompts enough for several batches; all read the same.
        """
        beginning = common_beginning(prompts) if self._shared else ()
        return key_values_of(self._model, beginning, self._device) if beginning else None

    def _generate_batch(
        self, requests: Sequence[GenerationRequest], states: KeyValues | None
    ) -> list[Completion]:
        """Continue prompts that share all settings but the prompt.

        Args:
            requests: The prompts.
            states: Of a beginning that all of them have.
        """
        import torch
        from transformers import GenerationConfig, LogitsProcessorList, StoppingCriteriaList

        first = requests[0]
        ids, mask = self._padded([request.prompt_ids for request in requests])
        width = ids.shape[1]
        settings = GenerationConfig(
            max_new_tokens=first.max_tokens,
            pad_token_id=self._pad_id,
            eos_token_id=sorted(self._end_ids) or None,
            **_sampling(first),
        )
        if first.temperature > 0:
            torch.manual_seed(first.seed or 0)
        stopping = StoppingCriteriaList([_StopStrings(self._tokenizer, first.stop, width)])
        with torch.inference_mode():
            output = self._model.generate(
                ids,
                attention_mask=mask,
                past_key_values=states and left_padded(states, (mask == 0).sum(1).tolist()),
                generation_config=settings,
                stopping_criteria=stopping if first.stop else None,
                logits_processor=LogitsProcessorList([_check_finite]),
            )
        return [
            self._completion(row, request)
            for row, request in zip(output[:, width:].tolist(), requests, strict=True)
        ]

    def _completion(self, generated: list[int], request: GenerationRequest) -> Completion:
        end = next((i for i, token in enumerate(generated) if token in self._end_ids), None)
        kept = generated if end is None else generated[:end]
        text = self._tokenizer.decode(
            kept, skip_special_tokens=False, clean_up_tokenization_spaces=False
        )
        text, stopped = cut_at_stop(text, request.stop)
        finished = stopped or end is not None
        return Completion(text=text, tokens=len(kept), finish="stop" if finished else "length")

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        check_ids(requests, self._rows, self._name)
        return self._shared.score(requests) if self._shared else self._score_apart(requests)

    def _score_apart(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Score continuations; each text is computed by itself."""
        scores: dict[int, Score] = {}
        lengths = [len(r.context_ids) + len(r.continuation_ids) for r in requests]

        def answer(batch: list[int]) -> None:
            answers = self._score_batch([requests[index] for index in batch])
            scores.update(zip(batch, answers, strict=True))

        self._budget.run(lengths, answer)
        return [scores[index] for index in range(len(requests))]

    def _score_batch(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        import torch

        # The last token predicts nothing that is asked for.
        rows = [(request.context_ids + request.continuation_ids)[:-1] for request in requests]
        longest = max(len(request.continuation_ids) for request in requests)
        ids, mask = self._padded(rows)
        with torch.inference_mode():
            # Left padding puts all continuations at the right end: logits only there.
            logits = self._model(
                input_ids=ids,
                attention_mask=mask,
                position_ids=(mask.cumsum(1) - 1).clamp(min=0),
                logits_to_keep=max(longest, 1),
                use_cache=False,
            ).logits
        return [
            _score(logits[row, logits.shape[1] - len(request.continuation_ids) :], request)
            for row, request in enumerate(requests)
        ]

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[Any, Any]:
        """Left-padded ids and mask, each of shape ``(rows, longest)``."""
        import torch

        width = max(len(row) for row in rows)
        ids = [[self._pad_id] * (width - len(row)) + list(row) for row in rows]
        mask = [[0] * (width - len(row)) + [1] * len(row) for row in rows]
        return (
            torch.tensor(ids, dtype=torch.long, device=self._device),
            torch.tensor(mask, dtype=torch.long, device=self._device),
        )

    def _check_sharing(self, dtype: DTypeName) -> None:
        shared = SharedScoring(self._model, self._device, most=24, worth=8)
        try:
            found = check_sharing(self._score_apart, shared.score, self._rows, dtype, self._name)
        except EngineError as error:
            if is_not_finite(error):
                return  # each job says so
            raise
        logging.getLogger(__name__).info(
            "prefix caching: log-probabilities of made-up texts differ by %.1g %%", 100 * found
        )

    def close(self) -> None:
        self._shared = None
        del self._model


def _check_finite(input_ids: Any, scores: Any) -> Any:  # noqa: ARG001 - transformers' signature
    """Logits processor that changes nothing: the most likely token of NaNs is some token too.

    The maximum of a row is finite unless one is NaN or infinite, or all are minus infinity.
    """
    if not bool(scores.max(dim=-1).values.isfinite().all()):
        raise not_finite()
    return scores


class _StopStrings:
    """Stopping criterion: a row is done once a stop string is in what it generated.

    The ``stop_strings`` of transformers (``StopStringCriteria``) also match a stop string that
    begins in the prompt: after a prompt that ends with a line break they take one generated line
    break for the stop string of two. vLLM and lm-eval look at the generated text alone, as here.
    """

    def __init__(self, tokenizer: Any, stop: Sequence[str], width: int) -> None:
        self._tokenizer = tokenizer
        self._stop = stop
        self._width = width
        self._tail = STOP_CHECK_TOKENS + max((len(item) for item in stop), default=0)
        self._done: list[bool] = []

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        import torch

        tails = input_ids[:, self._width :][:, -self._tail :].tolist()
        self._done = self._done or [False] * len(tails)
        for row, tail in enumerate(tails):
            if not self._done[row]:
                text = self._tokenizer.decode(tail, skip_special_tokens=False)
                self._done[row] = cut_at_stop(text, self._stop)[1]
        return torch.tensor(self._done, device=input_ids.device)


def _end_ids(model: Any, tokenizer: Any) -> set[int]:
    """Ids that end an answer: the model's and the tokenizer's."""
    named = model.generation_config.eos_token_id
    listed = named if isinstance(named, list) else [named]
    return {token for token in (*listed, tokenizer.eos_token_id) if token is not None}


def _sampling(request: GenerationRequest) -> dict[str, Any]:
    if request.temperature == 0:
        return {"do_sample": False}
    return {
        "do_sample": True,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_k": request.top_k,
    }


def _alike(requests: Sequence[GenerationRequest]) -> Iterator[list[int]]:
    """Indices of requests that can share a batch.

    A sampled request runs alone, so that its answer depends on its own seed only.
    """
    shared: dict[tuple[int, tuple[str, ...]], list[int]] = {}
    for index, request in enumerate(requests):
        if request.temperature > 0:
            yield [index]
        else:
            shared.setdefault((request.max_tokens, request.stop), []).append(index)
    yield from shared.values()


def _score(logits: Any, request: ScoreRequest) -> Score:
    """Sum the continuation's log-probabilities; ``logits`` has one row a token."""
    import torch

    if not request.continuation_ids:
        return Score(logprob=0.0, greedy=True)
    table = torch.log_softmax(logits.float(), dim=-1)
    wanted = torch.tensor(request.continuation_ids, device=table.device)
    own = table.gather(1, wanted[:, None])[:, 0]
    total = float(own.double().sum())
    if not math.isfinite(total):
        raise not_finite()
    return Score(logprob=total, greedy=bool((own >= table.max(dim=-1).values).all()))
