"""Plain models: tokenizers, adapters, GGUF files, dtypes, quantised weights, other families."""

from __future__ import annotations

from collections.abc import Iterator

from zoo import Kind


def kinds() -> Iterator[Kind]:
    """All of them."""
    yield from ()
