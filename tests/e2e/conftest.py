"""What all tests with real engines share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def small_vllm_cache() -> Iterator[None]:
    """The prompts of these tests are few; vLLM takes a second a GiB to start."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("VLLM_CPU_KVCACHE_SPACE", "2")
        yield
