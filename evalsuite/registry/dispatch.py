"""From a task's kind to the adapter that evaluates it."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

from evalsuite.harness.base import EmbeddingHarness, GenerativeHarness
from evalsuite.registry.models import Kind, Task

_EMBEDDING: dict[Kind, str] = {"mteb": "evalsuite.harness.mteb_adapter:MtebHarness"}
_GENERATIVE: dict[Kind, str] = {"lm_eval": "evalsuite.harness.lm_eval_adapter:LmEvalHarness"}
_DISTRIBUTION: dict[Kind, str] = {"mteb": "mteb", "lm_eval": "lm-eval"}


def embedding_harness(task: Task) -> EmbeddingHarness:
    """The adapter for an embedding task; imports its library only now."""
    harness: EmbeddingHarness = _load(_EMBEDDING[task.kind])
    return harness


def generative_harness(task: Task) -> GenerativeHarness:
    """The adapter for a generative task; imports its library only now."""
    harness: GenerativeHarness = _load(_GENERATIVE[task.kind])
    return harness


def harness_version(task: Task) -> str:
    """Name and version of the library that scores the task, for signatures."""
    distribution = _DISTRIBUTION[task.kind]
    return f"{distribution} {version(distribution)}"


def check_source(task: Task) -> None:
    """Check that the harness has the task, without importing the harness.

    Raises:
        UsageError: If it has not; names the nearest ones.
    """
    if task.source is None:
        return
    if task.kind == "mteb":
        from evalsuite.harness.mteb_index import check

        check(task.source)
    else:
        from evalsuite.harness.lm_eval_index import find

        find(task.source)


def blocker(task: Task) -> str | None:
    """Why this machine cannot evaluate the task, found without loading anything heavy."""
    if task.type != "code":
        return None
    from evalsuite.harness.sandbox import why_unavailable

    return why_unavailable()


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)()
