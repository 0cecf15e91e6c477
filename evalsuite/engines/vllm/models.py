"""Model classes for vLLM that pool as evalsuite does.

Each is vLLM's own class with a pooler. With ``convert="embed"`` vLLM makes an embedding model of
it, which keeps a pooler that is already there, loads no language-modelling head, and takes
weights with and without one.
"""

from __future__ import annotations

from typing import Any

from vllm.model_executor.models.llama import LlamaForCausalLM
from vllm.model_executor.models.mistral import MistralForCausalLM
from vllm.model_executor.models.qwen2 import Qwen2ForCausalLM
from vllm.model_executor.models.qwen3 import Qwen3ForCausalLM

from evalsuite.engines.vllm.pooler import TextPooler


class _Pooled:
    """Puts the pooler where vLLM looks for it."""

    def __init__(self, *, vllm_config: Any, prefix: str = "", **kwargs: Any) -> None:
        super().__init__(vllm_config=vllm_config, prefix=prefix, **kwargs)  # type: ignore[call-arg]
        self.pooler = TextPooler()


class EvalsuiteLlamaForCausalLM(_Pooled, LlamaForCausalLM):  # type: ignore[misc]  # vLLM is untyped here
    """Llama."""


class EvalsuiteMistralForCausalLM(_Pooled, MistralForCausalLM):  # type: ignore[misc]
    """Mistral."""


class EvalsuiteQwen2ForCausalLM(_Pooled, Qwen2ForCausalLM):  # type: ignore[misc]
    """Qwen2 and Qwen2.5."""


class EvalsuiteQwen3ForCausalLM(_Pooled, Qwen3ForCausalLM):  # type: ignore[misc]
    """Qwen3."""
