"""Real checkpoints that work raise no suspicion, however alike their vectors are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evalsuite.checkpoint import CheckpointOptions, resolve
from evalsuite.engines.load import load_encoder
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.shared.instructions import find_instruction
from evalsuite.registry.load import Registry
from helpers.contexts import make_context

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("source", "options"),
    [
        ("demo:minilm", {}),
        ("demo:smollm2", {}),
        # The most anisotropic ways to embed with a model that was never trained to.
        ("demo:smollm2", {"attention": "causal", "pooling": "mean"}),
        ("demo:smollm2", {"attention": "causal", "pooling": "last"}),
        ("demo:smollm2", {"protocol": "grit"}),
    ],
)
def test_vectors_of_a_working_checkpoint(
    source: str, options: dict[str, Any], tmp_path: Path
) -> None:
    checkpoint = resolve(source, CheckpointOptions(**options))
    assert checkpoint.embedding is not None
    registry = Registry.load()
    task = registry.task("smoke-sts")
    context = make_context(
        checkpoint=checkpoint,
        workdir=tmp_path,
        instruction=find_instruction(task, checkpoint.embedding, registry.instruction_sets),
    )
    encoder = load_encoder(checkpoint, device="cpu", dtype="float32")
    found = MtebHarness().evaluate(task, encoder, context)
    assert found.suspicions == ()
    assert found.score > 0.1
