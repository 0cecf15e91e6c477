"""Generating and scoring with transformers: batched as alone, and NaN is an error."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

from evalsuite.checkpoint import resolve
from evalsuite.engines.device import DTypeName
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import (
    Completion,
    GenerationRequest,
    Generator,
    Score,
    ScoreRequest,
)
from evalsuite.errors import EngineError
from gpu_stages import models
from gpu_stages.stage import Check, FailedError, Numbers, Place, require

CLOSE: Final = 2e-3
"""Difference of two log-likelihoods of some tokens that other batches may make in float32."""
PROMPTS: Final = tuple(models.words(2 + 9 * place % 70, place) for place in range(12))


def checks(place: Place) -> Iterator[Check]:
    """Both precisions, and weights that are not numbers."""
    yield "float32", partial(alike, place, "float32")
    yield "bfloat16", partial(alike, place, "bfloat16")
    yield "nan", partial(not_a_number, place)


def folder(place: Place) -> Path:
    """A Llama, once for all checks."""
    made = place.scratch / "model"
    return made if made.exists() else models.saved(made, "llama", models.TINY, place)


def generator(place: Place, path: Path, dtype: DTypeName) -> Generator:
    """A checkpoint for generation."""
    return load_generator(
        resolve(str(path)), engine="transformers", device=place.device, dtype=dtype, max_length=256
    )


def alike(place: Place, dtype: DTypeName) -> Numbers:
    """Answers and scores of prompts side by side, and of each by itself."""
    engine = generator(place, folder(place), dtype)
    tokens = 16 if place.goals else 6
    prompts = [tuple(models.tokenizer()(text)["input_ids"]) for text in PROMPTS]
    asked = [GenerationRequest(prompt, tokens) for prompt in prompts]
    scored = [ScoreRequest(prompt[:-1], prompt[-1:] + prompts[0][1:3]) for prompt in prompts]
    together: list[Completion] = engine.generate(asked)
    beside: list[Score] = engine.score(scored)
    same = sum(
        engine.generate([one])[0] == other for one, other in zip(asked, together, strict=True)
    )
    alone = [engine.score([one])[0] for one in scored]
    off = max(abs(a.logprob - b.logprob) for a, b in zip(alone, beside, strict=True))
    engine.close()
    numbers: Numbers = {"same_texts": f"{same}/{len(asked)}", "logprob_off": f"{off:.1e}"}
    if dtype == "float32":
        require(same == len(asked), "answers depend on the prompts beside them", numbers)
        require(off <= CLOSE, "scores depend on the prompts beside them", numbers)
    return numbers


def not_a_number(place: Place) -> Numbers:
    """A model whose last norm is NaN."""
    import torch

    broken = models.made("llama", models.TINY, place.device, "bfloat16")
    broken.model.norm.weight.data.fill_(torch.nan)
    broken.save_pretrained(place.scratch / "nan")
    models.tokenizer().save_pretrained(place.scratch / "nan")
    engine = generator(place, place.scratch / "nan", "bfloat16")
    ids = tuple(models.tokenizer()(PROMPTS[0])["input_ids"])
    for ask in (
        lambda: engine.generate([GenerationRequest(ids, 4)]),
        lambda: engine.score([ScoreRequest(ids, ids[1:3])]),
    ):
        try:
            ask()
        except EngineError as error:
            require("not-finite" in error.line, f"another error: {error.line}")
        else:
            raise FailedError("an answer came of NaN")
    return {}
