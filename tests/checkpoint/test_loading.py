"""What libraries raise while they load becomes one line that says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.checkpoint.models import ChatProtocol, Checkpoint
from evalsuite.engines.load_errors import loading
from evalsuite.errors import CheckpointError, EngineError

CHECKPOINT = Checkpoint(
    name="mine", source="mine", path=Path("/models/mine"), fingerprint="0" * 64,
    kind="causal", evidence=(), embedding=None,
    chat=ChatProtocol(template=None, template_hash="none"), max_positions=8,
)  # fmt: skip
MISMATCH = (
    "You set `ignore_mismatched_sizes` to `False`, thus raising an error. For details look at the "
    "above report!"
)


@pytest.mark.parametrize(
    ("raised", "reason"),
    [
        (ZeroDivisionError("integer modulo by zero"), "integer modulo by zero"),
        (Exception("missing field `single_word`\nat line 1"), "missing field `single_word`"),
        (MemoryError(), "MemoryError()"),
        (AttributeError("'list' object has no attribute 'get'"), "'list' object has no"),
        (RuntimeError(MISMATCH), "its weights have other shapes than its config.json says"),
    ],
)
def test_whatever_is_raised(raised: Exception, reason: str) -> None:
    with pytest.raises(CheckpointError) as caught, loading(CHECKPOINT, "model"):
        raise raised
    assert caught.value.line.startswith("the model of mine cannot be loaded: " + reason)
    assert "check the files in /models/mine" in caught.value.line


def test_what_is_said_already_is_not_said_again() -> None:
    with pytest.raises(EngineError, match="no GPU"), loading(CHECKPOINT, "model"):
        raise EngineError("no GPU")
