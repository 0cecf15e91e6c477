"""Whether one model can embed and generate from caches: asked while planning, loads nothing."""

from __future__ import annotations

from evalsuite.checkpoint.models import Checkpoint


def why_not_cached(checkpoint: Checkpoint) -> str | None:
    """Why a checkpoint cannot embed and generate with one model; ``None`` if it can."""
    for world in ("generative", "embedding"):
        if reason := checkpoint.cannot.get(world):
            return reason
    protocol = checkpoint.embedding
    if protocol is None or protocol.engine == "sentence-transformers" or protocol.attention is None:
        return "caching needs a decoder's weights alone (--as grit or causal)"
    return None
