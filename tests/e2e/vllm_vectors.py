"""Embeds with vLLM what standard input asks for: run as a process of its own.

Standard input has a JSON list of jobs: a checkpoint, a precision, for each pooling the calls to
make as ``[prefix, texts]``, and what is to be wrong in what vLLM is told. Several engines in one
process are good for a test only: the end of one would end what they share, so all are kept.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_encoder
from evalsuite.engines.vllm import encoder as vllm_encoder
from evalsuite.errors import EvalsuiteError

KEPT: list[Any] = []


def load(job: dict[str, Any]) -> Any:
    right = vllm_encoder._overrides
    vllm_encoder._overrides = lambda *args: right(*args) | job["wrong"]
    try:
        encoder = load_encoder(
            Checkpoint.model_validate(job["checkpoint"]), device="cpu", dtype=job["dtype"]
        )
    finally:
        vllm_encoder._overrides = right
    KEPT.append(encoder)
    return encoder


def answer(job: dict[str, Any]) -> dict[str, Any]:
    try:
        encoder = load(job)
        found = {}
        for pooling in job["poolings"]:
            encoder._protocol = encoder._protocol.model_copy(update={"pooling": pooling})
            encoder._tokens._leave_out = pooling in ("mean", "weighted_mean")
            found[pooling] = [
                encoder.encode(texts, prefix).tolist() for prefix, texts in job["calls"]
            ]
    except EvalsuiteError as error:
        return {"error": f"{type(error).__name__}: {error.line}"}
    return {"vectors": found, "version": encoder.version, "dimension": encoder.dimension}


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(json.dumps([answer(job) for job in json.load(sys.stdin)]))
