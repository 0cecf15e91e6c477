"""vLLM, where it is installed for this device: it scores and answers as transformers does."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec

from evalsuite.engines.device import vllm_is_for_gpus
from evalsuite.engines.protocols import Detailed, GenerationRequest, Generator, ScoreRequest
from gpu_stages import models
from gpu_stages.stage import Check, Numbers, Place, SkippedError, require

SHAPE = models.Shape(256, 2, 4, 2, 512)
"""Heads of 64, which all kernels take."""
SHARE = 0.2
"""Of the GPU's memory."""
CLOSE = 2e-2
"""Difference of two log-likelihoods of three tokens that other kernels may make in float32."""


def checks(place: Place) -> Iterator[Check]:
    """One check: float32, in which kernels have to agree."""
    yield "float32", partial(agrees, place)


def need_vllm(place: Place) -> None:
    """Skip where vLLM cannot run, and where all is to be small: it takes long to load."""
    if find_spec("vllm") is None:
        raise SkippedError("vLLM is not installed")
    if vllm_is_for_gpus() != (place.device == "cuda"):
        raise SkippedError("the installed vLLM is for another device")
    if place.tiny:
        raise SkippedError("--tiny leaves it out")


def agrees(place: Place) -> Numbers:
    """Answers and scores by both engines."""
    need_vllm(place)
    from evalsuite.checkpoint import resolve
    from evalsuite.engines.load import load_generator

    path = models.saved(place.scratch / "model", "llama", SHAPE, place)
    prompts = [tuple(models.tokenizer()(models.words(9 * n + 2, n))["input_ids"]) for n in range(9)]
    scored = [ScoreRequest(prompt[:-1], prompt[-1:] + prompts[0][1:3]) for prompt in prompts]
    asked = [GenerationRequest(prompt, 16) for prompt in prompts]
    found = []
    details: dict[str, str] = {}
    # vLLM first: it sets the environment that torch reads.
    for name in ("vllm", "transformers"):
        engine: Generator = load_generator(
            resolve(str(path)),
            engine="vllm" if name == "vllm" else "transformers",
            device=place.device,
            dtype="float32",
            max_length=256,
            eager=True,
            gpu_memory=SHARE if name == "vllm" and place.device == "cuda" else None,
        )
        details |= engine.details() if isinstance(engine, Detailed) else {}
        found.append((engine.score(scored), engine.generate(asked)))
        engine.close()
    (mine, mine_said), (theirs, theirs_said) = found
    off = max(abs(a.logprob - b.logprob) for a, b in zip(mine, theirs, strict=True))
    same = sum(a.text == b.text for a, b in zip(mine_said, theirs_said, strict=True))
    numbers: Numbers = {
        **details,
        "logprob_off": f"{off:.1e}",
        "same_texts": f"{same}/{len(asked)}",
    }
    require(off <= CLOSE, "the scores differ", numbers)
    return numbers
