"""The size of vLLM's cache for keys and values on a CPU."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from evalsuite.engines.vllm.engine import cache_bytes

resources = pytest.importorskip("vllm.utils.cpu_resource_utils")
GIB = 2**30


@pytest.mark.parametrize(
    ("free", "share", "expected"),
    [(40, 0.25, 10), (40, 0, 2), (4, 0.25, 2), (1, 0.25, 2)],
)
def test_a_share_of_the_free_memory_and_at_least_2_gib(
    monkeypatch: pytest.MonkeyPatch, free: int, share: float, expected: int
) -> None:
    memory = SimpleNamespace(total_memory=64 * GIB, available_memory=free * GIB)
    monkeypatch.setattr(resources, "get_memory_node_info", lambda: memory)
    assert cache_bytes(share) == expected * GIB


def test_what_is_free_is_what_vllm_sees() -> None:
    found = resources.get_memory_node_info().available_memory
    assert cache_bytes(0.5) == pytest.approx(max(found / 2, 2 * GIB), rel=0.1)
