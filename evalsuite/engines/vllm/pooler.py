"""Pooling inside vLLM: of each text only its vector leaves the engine."""

from __future__ import annotations

from typing import Any, Final

import torch
from vllm import PoolingParams
from vllm.model_executor.layers.pooler.abstract import Pooler

from evalsuite.engines.pooling import POOLINGS
from evalsuite.schema import Pooling

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

    def forward(self, hidden_states: Any, pooling_metadata: Any) -> list[Any]:
        """Pool.

        Args:
            hidden_states: Those of all texts of a step, one after the other, shape ``(t, d)``.
            pooling_metadata: How many tokens each text has, and its request's parameters.

        Returns:
            A vector of each text, shape ``(d,)``, float32.

        Raises:
            RuntimeError: If a text is not there as a whole; the encoder has vLLM run each text
                in one piece.
        """
        cursor = pooling_metadata.get_pooling_cursor()
        if cursor.is_partial_prefill():
            raise RuntimeError("a text was run in pieces: its vector cannot be pooled")
        texts = torch.split(hidden_states, cursor.num_scheduled_tokens_cpu.tolist())
        return [
            _pool(text, params.extra_kwargs or {})
            for text, params in zip(texts, pooling_metadata.pooling_params, strict=True)
        ]


def _pool(hidden: Any, asked: dict[str, Any]) -> Any:
    """Pool the hidden states ``(t, d)`` of a text; vLLM's trial run asks for nothing."""
    kept = hidden[None, asked.get("leave_out", 0) :]
    every = torch.ones(kept.shape[:2], device=hidden.device)
    return POOLINGS[asked.get("pooling", "mean")](kept, every)[0]
