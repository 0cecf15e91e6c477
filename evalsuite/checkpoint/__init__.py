"""Checkpoints: resolving, fingerprinting, detecting, making loadable.

Importing this package is cheap: numerical libraries are imported only where a checkpoint has to
be converted or merged.
"""

from evalsuite.checkpoint.models import (
    ChatProtocol,
    Checkpoint,
    CheckpointOptions,
    EmbeddingProtocol,
    Wrapper,
)
from evalsuite.checkpoint.resolve import resolve

__all__ = [
    "ChatProtocol",
    "Checkpoint",
    "CheckpointOptions",
    "EmbeddingProtocol",
    "Wrapper",
    "resolve",
]
