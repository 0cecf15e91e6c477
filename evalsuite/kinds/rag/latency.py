"""Figure 5 of the GRIT paper: seconds per answer by length of question and document."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from typing import Any

from evalsuite.engines.transformers.unified_model import UnifiedModel
from evalsuite.errors import TaskSkipped
from evalsuite.kinds.base import Context, Evaluation
from evalsuite.kinds.rag.data import load_world
from evalsuite.kinds.rag.prompts import prompts_for, whole
from evalsuite.kinds.rag.result import LatencyResult, Saving, Storage, measured
from evalsuite.kinds.rag.task import (
    BASELINES,
    SPEED_METHODS,
    Latency,
    Method,
    RagTask,
    StatedCorpus,
)
from evalsuite.kinds.rag.timing import Bench, Repetition, TimedSetting, saving, summarise
from evalsuite.metrics import Metric
from evalsuite.stats.medians import Median

QUERY_PANEL: tuple[Method, ...] = (
    "none",
    "query-doc",
    "query-cache",
    "query-doc-cache",
    "doc-query-cache",
)
"""Lines of the panels in which the question grows."""
DOCUMENT_PANEL: tuple[Method, ...] = (
    "none",
    "doc-query",
    "doc-cache",
    "query-doc-cache",
    "doc-query-cache",
)
"""Lines of the panels in which the document grows."""
MAIN = "doc_cache_seconds"
"""Median seconds of document caching on sample A: a question of one token, the longest document."""
OVERHEAD = 256
"""Tokens kept free for formats, chat templates and joins of tokens."""
WORDS = 20_000
"""Characters of the corpus that questions and documents are made of."""


def measure(task: RagTask, settings: Latency, model: UnifiedModel, context: Context) -> Evaluation:
    """Time all methods on the grid, in one run and in turn.

    Raises:
        TaskSkipped: If not even the shortest length fits the model.
    """
    assert task.rag is not None
    started = time.perf_counter()
    world = load_world(task, context.data_root, None)
    words = " ".join(whole(document) for document in world.documents)[:WORDS]
    loaded = time.perf_counter()
    lengths = fitting(settings, model.positions)
    if not lengths:
        raise TaskSkipped(f"{model.positions} positions are too few for {settings.lengths[0]}")
    cells = grid(lengths)
    folder = context.workdir / "caches"
    folder.mkdir(exist_ok=True)
    prompts = prompts_for(task, context.checkpoint, model.texts)
    bench = Bench(model, prompts, words, settings, folder)
    try:
        bench.prepare(cells)
        repetitions = bench.run(cells, context.progress, context.seed)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    timed = summarise(repetitions)
    medians = {one.cell: one.total for one in timed}
    longest = max(lengths)
    main = medians[TimedSetting("doc-cache", 1, longest)]
    left_out = [length for length in settings.lengths if length not in lengths]
    result = LatencyResult(
        lengths=lengths,
        cells=tuple(one.result() for one in timed),
        savings=savings(repetitions, longest),
        storage=storage(bench, model, task.rag.storage),
        new_tokens=settings.new_tokens,
        searched=settings.searched,
        cache_read_from_disk=bench.from_disk,
    )
    return Evaluation(
        main_metric=MAIN,
        score=main.value,
        estimator="other",  # a median of repetitions
        stderr=None,
        n=main.n,
        metrics={cell.name: found.value for cell, found in medians.items()},
        samples=[_row(number, one) for number, one in enumerate(repetitions)],
        data=world.data,
        metric=Metric(name=MAIN, direction="lower", unit="other"),
        raw=result.model_dump(mode="json"),
        details={
            "attention": model.texts.protocol.attention,
            "embed_length": model.texts.protocol.max_length,
            "sample_a": f"question 1 token, document {longest}",
            "sample_b": f"question {longest} tokens, document 1",
        },
        warnings=_warnings(left_out, medians, settings),
        engine_seconds=time.perf_counter() - loaded,
        load_seconds=loaded - started,
    )


def fitting(settings: Latency, positions: int) -> tuple[int, ...]:
    """The lengths that a model has positions for."""
    room = positions - settings.new_tokens - OVERHEAD
    return tuple(length for length in sorted(settings.lengths) if length <= room)


def grid(lengths: Sequence[int]) -> list[TimedSetting]:
    """All cells: the lines of Figure 5, and at the greatest length all rows of Table 7."""
    longest = max(lengths)
    cells = [TimedSetting(method, length, 1) for length in lengths for method in QUERY_PANEL]
    cells += [TimedSetting(method, 1, length) for length in lengths for method in DOCUMENT_PANEL]
    for method in SPEED_METHODS:
        cells += [TimedSetting(method, 1, longest), TimedSetting(method, longest, 1)]
    return list(dict.fromkeys(cells))


def savings(repetitions: Sequence[Repetition], longest: int) -> dict[str, Saving]:
    """Share of plain RAG's time that each caching method saves, on samples A and B."""
    found: dict[str, Saving] = {}
    for method in SPEED_METHODS:
        baseline = BASELINES.get(method)
        if baseline is None:
            continue
        for sample, (query, document) in {"A": (1, longest), "B": (longest, 1)}.items():
            pair = (TimedSetting(method, query, document), TimedSetting(baseline, query, document))
            saved = saving(repetitions, *pair)
            if saved is not None:
                found[f"{method} {sample}"] = Saving(
                    against=baseline, **measured(saved).model_dump()
                )
    return found


def storage(bench: Bench, model: UnifiedModel, corpus: StatedCorpus) -> Storage:
    """Bytes of index and caches: of a token, of the documents measured, of a stated corpus."""
    tokens, size = max(bench.cache_bytes.items())
    per_token = model.bytes_per_token
    return Storage(
        bytes_per_token=per_token,
        document_tokens=tokens,
        document_bytes=size,
        index_bytes_per_document=4 * model.size,
        corpus=corpus.name,
        corpus_documents=corpus.documents,
        corpus_tokens=corpus.tokens,
        index_bytes=corpus.documents * 4 * model.size,
        caches_bytes=corpus.documents * corpus.tokens * per_token,
    )


def _row(number: int, one: Repetition) -> dict[str, Any]:
    return {
        "sample": str(number),
        "method": one.cell.method,
        "query_tokens": one.cell.query,
        "document_tokens": one.cell.document,
        "round": one.round,
        "seconds": one.total,
        **{f"{phase}_seconds": seconds for phase, seconds in one.seconds.items()},
    }


def _warnings(
    left_out: Sequence[int], medians: dict[TimedSetting, Median], settings: Latency
) -> tuple[str, ...]:
    found = []
    if left_out:
        found.append(f"lengths beyond the model's positions left out: {left_out}")
    wide = sum(one.spread > settings.tolerance for one in medians.values())
    if wide:
        found.append(
            f"{wide} of {len(medians)} medians are known to no better than "
            f"{settings.tolerance:.0%} within the bounds on repetitions and time"
        )
    return tuple(found)
