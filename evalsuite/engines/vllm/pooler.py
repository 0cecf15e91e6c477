"""Pooling inside vLLM: of each text only its vector leaves the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import torch
from vllm import PoolingParams
from vllm.model_executor.layers.pooler.abstract import Pooler

from evalsuite.engines.pooling import POOLINGS
from evalsuite.schema import Pooling

TOGETHER: Final = 64
"""Texts that are padded and pooled at once: bounds the memory for their copy in float32."""

TASK: Final = "embed"
"""vLLM's name for one vector a text."""


def pooling_params(pooling: Pooling, leave_out: int) -> Any:
    """What a request says about its pooling.

    Args:
        pooling: How the hidden states become one vector.
        leave_out: Leading tokens that do not enter; less than the text has.
    """
    return PoolingParams(task=TASK, extra_kwargs={"pooling": pooling, "leave_out": leave_out})


class TextPooler(Pooler):  # type: ignore[misc]  # vLLM is untyped here
    """Pools each text as its request says (:func:`pooling_params`).

    The formulas are those of :mod:`evalsuite.engines.pooling`, in float32, over the positions
    after the instruction. vLLM's own poolers know no such positions, and only plain means.
    """

    def get_supported_tasks(self) -> set[str]:
        """What requests may ask for."""
        return {TASK}

    def forward(self, hidden_states: Any, pooling_metadata: Any) -> Any:
        """Pool.

        Args:
            hidden_states: Those of all texts of a step, one after the other, shape ``(t, d)``.
            pooling_metadata: How many tokens each text has, and its request's parameters.

        Returns:
            A vector of each text, float32: a list of vectors ``(d,)``, and on a GPU a tensor
            ``(n, d)``, which is one copy to the machine's memory.

        Raises:
            RuntimeError: If a text is not there as a whole; the encoder has vLLM run each text
                in one piece.
        """
        cursor = pooling_metadata.get_pooling_cursor()
        if cursor.is_partial_prefill():
            raise RuntimeError("a text was run in pieces: its vector cannot be pooled")
        texts = torch.split(hidden_states, cursor.num_scheduled_tokens_cpu.tolist())
        asked = [params.extra_kwargs or {} for params in pooling_metadata.pooling_params]
        if hidden_states.device.type != "cpu":
            return pool_together(texts, asked)
        return [_pool(*one) for one in zip(texts, asked, strict=True)]


def pool_together(texts: Sequence[Any], asked: Sequence[dict[str, Any]]) -> Any:
    """Pool many texts with few calls of a GPU, each of which costs more than it computes.

    Args:
        texts: Hidden states of each text, shape ``(t, d)``.
        asked: What each request says: ``pooling`` and ``leave_out``.

    Returns:
        Shape ``(n, d)``, float32; the sums are those of :func:`_pool` in another order.
    """
    vectors = torch.empty((len(texts), texts[0].shape[1]), device=texts[0].device)
    alike: dict[Pooling, list[int]] = {}
    for index, one in enumerate(asked):
        alike.setdefault(one.get("pooling", "mean"), []).append(index)
    for pooling, members in alike.items():
        for start in range(0, len(members), TOGETHER):
            part = members[start : start + TOGETHER]
            kept = [texts[index][asked[index].get("leave_out", 0) :] for index in part]
            hidden = torch.nn.utils.rnn.pad_sequence(kept, batch_first=True)
            lengths = torch.tensor([len(one) for one in kept]).to(hidden.device, non_blocking=True)
            mask = torch.arange(hidden.shape[1], device=hidden.device) < lengths[:, None]
            vectors[part] = POOLINGS[pooling](hidden, mask.long())
    return vectors


def _pool(hidden: Any, asked: dict[str, Any]) -> Any:
    """Pool the hidden states ``(t, d)`` of a text; vLLM's trial run asks for nothing."""
    kept = hidden[None, asked.get("leave_out", 0) :]
    every = torch.ones(kept.shape[:2], device=hidden.device)
    return POOLINGS[asked.get("pooling", "mean")](kept, every)[0]
