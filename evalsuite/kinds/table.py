"""From a task's kind to the adapter that evaluates it."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import version
from typing import Any

from evalsuite.kinds.base import (
    CachedHarness,
    EmbeddingHarness,
    GenerativeHarness,
    JudgedHarness,
    RetrievingHarness,
)
from evalsuite.registry.models import Kind, Task
from evalsuite.schema import CODE_VERSION

MTEB_SOURCES: tuple[Kind, ...] = ("mteb", "rerank")
"""Kinds whose ``source`` is a task of mteb."""
_EMBEDDING: dict[Kind, str] = {"mteb": "evalsuite.kinds.mteb.harness:MtebHarness"}
_GENERATIVE: dict[Kind, str] = {"lm_eval": "evalsuite.kinds.lm_eval.harness:LmEvalHarness"}
_JUDGED: dict[Kind, str] = {"alpaca_eval": "evalsuite.kinds.alpaca_eval.harness:AlpacaEvalHarness"}
_RETRIEVING: dict[Kind, str] = {"rerank": "evalsuite.kinds.rerank.harness:RerankHarness"}
_CACHED: dict[Kind, str] = {"rag": "evalsuite.kinds.rag.harness:RagHarness"}
_DISTRIBUTION: dict[Kind, str] = {"mteb": "mteb", "lm_eval": "lm-eval"}


def embedding_harness(task: Task) -> EmbeddingHarness:
    """The adapter for an embedding task; imports its library only now."""
    harness: EmbeddingHarness = _load(_EMBEDDING[task.kind])
    return harness


def generative_harness(task: Task) -> GenerativeHarness:
    """The adapter for a generative task; imports its library only now."""
    harness: GenerativeHarness = _load(_GENERATIVE[task.kind])
    return harness


def judged_harness(task: Task) -> JudgedHarness:
    """The adapter for a judged task; imports its library only now."""
    harness: JudgedHarness = _load(_JUDGED[task.kind])
    return harness


def retrieving_harness(task: Task) -> RetrievingHarness:
    """The adapter for a task that reranks; imports its library only now."""
    harness: RetrievingHarness = _load(_RETRIEVING[task.kind])
    return harness


def cached_harness(task: Task) -> CachedHarness:
    """The adapter for a task that generates from caches."""
    harness: CachedHarness = _load(_CACHED[task.kind])
    return harness


def harness_version(task: Task) -> str:
    """Name and version of what scores the task, for signatures.

    A task file that evalsuite ships in lm-eval's format adds a digest of its content:
    ``lm-eval 0.4.13+gsm8k-1a2b3c4d``.
    """
    if task.judged or task.cached:
        return f"evalsuite {CODE_VERSION}"  # no library, but code of our own
    if task.retrieves:
        return f"evalsuite {CODE_VERSION}+mteb-{version('mteb')}"  # mteb loads the data
    distribution = _DISTRIBUTION[task.kind]
    library = f"{distribution} {version(distribution)}"
    if task.kind == "lm_eval" and task.source is not None:
        from evalsuite.kinds.lm_eval.names import shipped_version

        if shipped := shipped_version(task.source):
            return f"{library}+{shipped}"
    return library


def check_source(task: Task) -> None:
    """Check that the harness has the task with its subsets, without importing the harness.

    Raises:
        UsageError: If it has not; names the nearest ones.
    """
    if task.source is None:
        return
    if task.kind in MTEB_SOURCES:
        from evalsuite.kinds.mteb.scope import scope_of

        scope_of(task)
    elif task.kind == "lm_eval":
        from evalsuite.kinds.lm_eval.names import find

        for name in filter(None, (task.source, task.base_source)):
            find(name)


def source_facts(task: Task) -> dict[str, Any]:
    """What the harness says of the task that ``source`` names, for people.

    Data set, splits, subsets, main metric with its direction, number of samples; empty where the
    harness does not say.

    Raises:
        UsageError: If the harness has no such task; names the nearest ones.
    """
    if task.source is None or task.kind not in MTEB_SOURCES:
        check_source(task)
        return {}
    from evalsuite.kinds.mteb.facts import facts_of

    return facts_of(task.source).shown()


def datasets_of(task: Task) -> dict[str, str]:
    """Data set → revision of a harness task whose file does not name them.

    Reads the table of mteb's tasks or lm-eval's task files.

    Raises:
        UsageError: If the harness has no such task.
    """
    assert task.source is not None
    if task.kind in MTEB_SOURCES:
        from evalsuite.kinds.mteb.facts import datasets_of

        return datasets_of(task.source)
    from evalsuite.kinds.lm_eval.needs import datasets_of_name

    return datasets_of_name(task.source)


def blocker(task: Task) -> str | None:
    """Why this machine cannot evaluate the task, found without loading anything heavy."""
    if task.type != "code" and not task.runs_code:
        return None
    from evalsuite.sandbox.sandbox import why_unavailable

    return why_unavailable()


def _load(target: str) -> Any:
    module, _, name = target.partition(":")
    return getattr(import_module(module), name)()
