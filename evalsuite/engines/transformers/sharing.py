"""Which models can compute a beginning that several texts share once, with transformers.

Planning asks :func:`why_not_shared`, which reads the config alone: the signature of a score says
whether beginnings were shared. The engine then shows with :func:`check_sharing` that the model
itself does what is expected of its family.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal

from evalsuite.engines.device import DTypeName
from evalsuite.engines.protocols import Score, ScoreRequest
from evalsuite.errors import EngineError

Masks = Literal["whole", "window", "by layer"]
"""What a model takes to say which token sees which: one mask for all layers, with a sliding window
in it where the config has one; or a mask for each kind of layer that the config lists."""

FAMILIES: Final[dict[str, Masks]] = {
    "cohere": "whole",
    "gemma": "whole",
    "gemma2": "by layer",
    "gemma3_text": "by layer",
    "gpt2": "whole",
    "gpt_neox": "whole",
    "gpt_oss": "by layer",
    "granite": "whole",
    "llama": "whole",
    "mistral": "window",
    "mixtral": "window",
    "olmo": "whole",
    "olmo2": "whole",
    "olmo3": "by layer",
    "phi": "whole",
    "phi3": "window",
    "qwen2": "by layer",
    "qwen2_moe": "by layer",
    "qwen3": "by layer",
    "qwen3_moe": "window",
    "smollm3": "by layer",
    "stablelm": "whole",
    "starcoder2": "window",
}
"""``model_type`` of the architectures for which ``test_shared_scoring.py`` compares scores with and
without shared beginnings. They keep nothing of a text but keys and values."""

_CHANGING_ROPE: Final = frozenset({"dynamic", "longrope", "su"})
"""Kinds of rotary positions whose frequencies follow the length of the text."""

ROUNDING: Final[dict[DTypeName, float]] = {"float32": 1e-4, "bfloat16": 0.05, "float16": 0.02}
"""Differences of log-probabilities, as a share of their size, that are no more than rounding: in
bfloat16 logits above 16 are an eighth apart. A token that sees what it should not, or misses what
it should see, changes them by about 1 in a trained model."""


def why_not_shared(config: Mapping[str, Any], *, own_code: bool = False) -> str | None:
    """Why beginnings are not shared; ``None`` if they can be.

    Args:
        config: Content of the checkpoint's ``config.json``.
        own_code: Whether code that the checkpoint brings would be run.
    """
    family = config.get("model_type")
    if family not in FAMILIES:
        return f"not tried with models of type {family}"
    if own_code and "auto_map" in config:
        return "it brings modelling code of its own"
    if config.get("is_causal") is False or config.get("use_bidirectional_attention"):
        return "its config asks for attention to later tokens"
    if changing := _CHANGING_ROPE & set(_rope_types(config)):
        return f"its positions depend on the length of the text (rope {', '.join(changing)})"
    return None


def _rope_types(config: Mapping[str, Any]) -> Iterator[str]:
    """Kinds of rotary positions, of all layers or of each kind of layer."""
    for key in ("rope_parameters", "rope_scaling"):
        stated = config.get(key)
        if not isinstance(stated, Mapping):
            continue
        for one in (stated, *stated.values()):
            if isinstance(one, Mapping):
                yield str(one.get("rope_type", one.get("type")))


def probe_requests(vocabulary: int) -> list[ScoreRequest]:
    """Questions with a common beginning, choices that begin alike, and a text that shares nothing.

    Args:
        vocabulary: Token ids are below this.
    """

    def made_up(start: int, count: int) -> tuple[int, ...]:
        return tuple((start + 7 * place) % vocabulary for place in range(count))

    examples = made_up(5, 20)
    asked = [
        ScoreRequest(examples + made_up(question, 4), made_up(choice, 2) + made_up(last, 1))
        for question in (11, 12, 34)
        for choice, last in ((2, 3), (2, 4), (6, 3))
    ]
    return [*asked, ScoreRequest(examples[:9], examples[9:12]), ScoreRequest((1,), made_up(9, 3))]


def check_sharing(
    score: Callable[[Sequence[ScoreRequest]], Sequence[Score]],
    shared: Callable[[Sequence[ScoreRequest]], Sequence[Score]],
    vocabulary: int,
    dtype: DTypeName,
    name: str,
) -> float:
    """Compare scores with and without shared beginnings.

    Args:
        score: Scores each text by itself.
        shared: Scores the same with shared beginnings.
        vocabulary: Token ids are below this.
        dtype: Precision of the model.
        name: The checkpoint's, for the message.

    Returns:
        The mean difference of log-probabilities, as a share of their mean size.

    Raises:
        EngineError: If it is more than rounding.
    """
    requests = probe_requests(vocabulary)
    alone = [one.logprob for one in score(requests)]
    differences = [abs(a - b.logprob) for a, b in zip(alone, shared(requests), strict=True)]
    found = sum(differences) / sum(map(abs, alone))
    if not found <= ROUNDING[dtype]:
        raise EngineError(
            f"{name} scores texts otherwise where what they begin with is computed once "
            f"(by {100 * found:.2g} % in {dtype})",
            "pass --no-prefix-caching",
        )
    return found
