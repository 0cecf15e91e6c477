"""The plugin by which vLLM learns of evalsuite's model classes (group ``vllm.general_plugins``).

vLLM runs :func:`register` in each of its processes, those that generate included: nothing heavy
is imported here.
"""

from __future__ import annotations

import sys
from typing import Final

_MODELS: Final = "evalsuite.engines.vllm.models"

ARCHITECTURES: Final = {
    "LlamaForCausalLM": "EvalsuiteLlamaForCausalLM",
    "LlamaModel": "EvalsuiteLlamaForCausalLM",
    "MistralForCausalLM": "EvalsuiteMistralForCausalLM",
    "MistralModel": "EvalsuiteMistralForCausalLM",
    "Qwen2ForCausalLM": "EvalsuiteQwen2ForCausalLM",
    "Qwen2Model": "EvalsuiteQwen2ForCausalLM",
    "Qwen3ForCausalLM": "EvalsuiteQwen3ForCausalLM",
    "Qwen3Model": "EvalsuiteQwen3ForCausalLM",
}
"""Architecture in ``config.json`` → class in :mod:`evalsuite.engines.vllm.models` that embeds with
it. These are the families whose code in vLLM can attend bidirectionally."""


def register() -> None:
    """Register the model classes; may be called more than once in a process.

    vLLM looks into a class that is registered by name in a process of its own, which takes
    seconds: where the module is imported already, the classes themselves are registered.
    """
    from vllm import ModelRegistry

    imported = sys.modules.get(_MODELS)
    known = set(ModelRegistry.get_supported_archs())
    for name in sorted(set(ARCHITECTURES.values()) - known):
        model = getattr(imported, name) if imported else f"{_MODELS}:{name}"
        ModelRegistry.register_model(name, model)
