"""A process that loads one engine with a demo checkpoint and says what it computes.

``python -m evalsuite.doctor.probe NAME`` writes one JSON object to standard output. What crashes
here is a line of the doctor, not its end.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from evalsuite.checkpoint import resolve
from evalsuite.checkpoint.models import GeneratorEngine
from evalsuite.engines.cuda.gpu import GIB
from evalsuite.engines.cuda.survey import gpu_here, has_driver, look
from evalsuite.engines.protocols import GenerationRequest, ScoreRequest
from evalsuite.errors import EvalsuiteError

SENTENCES = ("The cat sat on the mat.", "Bubble sort compares neighbouring items.")
PROMPT = "The capital of France is"
TOKENS = 6
DEMO_MEMORY = 4 * GIB
"""Bytes for demo:smollm2 in vLLM."""
NUMBERS = 8
"""Of each embedding, how many of the first numbers are compared."""


def embedding() -> dict[str, Any]:
    """First numbers of two sentences' embeddings by demo:minilm, float32."""
    from evalsuite.engines.load import load_encoder

    encoder = load_encoder(resolve("demo:minilm"), device="auto", dtype="float32")
    vectors = encoder.encode(SENTENCES)
    return {
        "engine": encoder.version,
        "numbers": [[round(float(x), 6) for x in row[:NUMBERS]] for row in vectors],
    }


def generation(engine: str) -> dict[str, Any]:
    """The greedy continuation of a prompt by demo:smollm2."""
    from transformers import AutoTokenizer

    from evalsuite.engines.load import load_generator

    checkpoint = resolve("demo:smollm2")
    prompt = tuple(AutoTokenizer.from_pretrained(checkpoint.tokenizer_path)(PROMPT)["input_ids"])
    generator = load_generator(
        checkpoint,
        engine="vllm" if engine == "vllm" else "transformers",
        dtype="auto" if engine == "vllm" else "float32",
        device="auto",
        max_length=256,
        gpu_memory=_share() if engine == "vllm" else None,
        eager=True,
    )
    (answer,) = generator.generate([GenerationRequest(prompt, TOKENS)])
    return {"engine": generator.version, "text": answer.text, "tokens": answer.tokens}


def prefix(name: str, engine: str, shared: str) -> dict[str, Any]:
    """Log-probabilities of the same choices, computed at different times and beside others.

    Args:
        name: The checkpoint, as ``--ckpt`` takes it.
        engine: ``transformers`` or ``vllm``.
        shared: ``yes`` where beginnings are to be shared.

    Returns:
        Log-probability and greediness of each choice: ``cold``; with ``yes``, ``warm`` (asked
        again) and ``others`` (each question in a call of its own) too.
    """
    from evalsuite.doctor.prefix import CHOICES, few_shot
    from evalsuite.engines.choice import why_not_shared
    from evalsuite.engines.device import engine_version, resolve_dtype
    from evalsuite.engines.load import load_generator

    checkpoint, gpu = resolve(name), gpu_here("auto")
    which: GeneratorEngine = "vllm" if engine == "vllm" else "transformers"
    why_not = why_not_shared(checkpoint, which)
    dtype = resolve_dtype("auto", "cpu" if gpu is None else "cuda", "generative", gpu)
    about = {"engine": engine_version(which), "dtype": dtype, "why_not": why_not}
    if why_not:
        return about
    generator = load_generator(
        checkpoint, engine=which, dtype=dtype, prefix_caching=shared == "yes", eager=True
    )
    requests = few_shot()

    def answers(asked: Sequence[ScoreRequest]) -> list[tuple[float, bool]]:
        return [(score.logprob, score.greedy) for score in generator.score(asked)]

    found = {"cold": answers(requests)}
    if shared == "yes":
        found["warm"] = answers(requests)
        starts = range(0, len(requests), CHOICES)
        found["others"] = [one for at in starts for one in answers(requests[at : at + CHOICES])]
    return about | found


def device() -> dict[str, Any]:
    """What machine and torch say of a GPU: a :class:`~evalsuite.engines.cuda.gpu.Survey`."""
    import torch  # noqa: F401 - one that cannot be imported is a line of its own

    return look().model_copy(update={"node": has_driver()}).model_dump(mode="json")


def _share() -> float | None:
    """Share of a GPU's memory that the demo checkpoint needs: others may use it at the time."""
    gpu = gpu_here("auto")
    return None if gpu is None else min(0.9, DEMO_MEMORY / gpu.total)


def main() -> None:
    """Run the probe that the command line names."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # keep what libraries print out of the answer
    name, *arguments = sys.argv[1:]
    try:
        if name == "embedding":
            found = embedding()
        elif name == "prefix":
            found = prefix(*arguments)
        elif name == "device":
            found = device()
        else:
            found = generation(name)
    except EvalsuiteError as error:
        found = {"error": error.advice}
    answers.write(json.dumps(found) + "\n")
    answers.close()
    # Engines leave threads behind whose teardown can hang.
    os._exit(0)


if __name__ == "__main__":
    main()
