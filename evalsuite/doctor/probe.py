"""A process that loads one engine with a demo checkpoint and says what it computes.

``python -m evalsuite.doctor.probe NAME`` writes one JSON object to standard output. What crashes
here is a line of the doctor, not its end.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from evalsuite.checkpoint import resolve
from evalsuite.engines.cuda.gpu import GIB
from evalsuite.engines.cuda.survey import gpu_here, has_driver, look
from evalsuite.engines.protocols import GenerationRequest
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
    name = sys.argv[1]
    try:
        if name == "embedding":
            found = embedding()
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
