"""First stage: embed queries and documents, and keep the best documents of each query."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from mteb._create_dataloaders import _corpus_to_dict, create_dataloader
from mteb.types import PromptType

from evalsuite.engines.base import Encoder
from evalsuite.errors import UsageError
from evalsuite.harness.base import Context
from evalsuite.harness.mteb_encoder import (
    Prompt,
    check_not_collapsed,
    protocol_of,
    quiet,
    resolve_prompt,
)
from evalsuite.harness.mteb_tasks import Prepared, prepare, split_of
from evalsuite.harness.rerank.candidates import Candidates, Document, Query
from evalsuite.harness.rerank.scores import CUT
from evalsuite.harness.rerank.topk import Places, TopK, search_block, unit
from evalsuite.registry.models import Task

DOCUMENT_BLOCK = 8192
"""Documents that are embedded and searched at once: 16 shards, 128 MiB at 4,096 dimensions."""


@dataclass(frozen=True, slots=True)
class Corpus:
    """Documents by place: in descending order of their ids.

    So the earlier place is the one that trec_eval (and mteb) ranks first of equal scores.
    """

    rows: Any
    """mteb's data set with ``id``, ``text`` and perhaps ``title``."""
    ids: tuple[str, ...]
    order: tuple[int, ...]
    """Place → row."""

    def documents(self, start: int, end: int) -> Iterator[tuple[str, Document]]:
        """Text to embed, and the document, for some places."""
        for row in self.rows.select(self.order[start:end]):
            shaped = _corpus_to_dict(row)
            yield shaped["text"], Document(title=shaped.get("title", ""), text=row["text"])


def retrieve(task: Task, encoder: Encoder, context: Context) -> Candidates:
    """Search for all queries of a task.

    Similarity is the cosine in float32, as in mteb. Vectors are kept shard
    by shard, so that a killed search goes on where it was; of the corpus, one block of vectors
    is in memory.

    Raises:
        UsageError: For a task that does not exist or is not about retrieval.
        CheckpointError: If the checkpoint cannot embed.
        DataError: If the data is missing or malformed.
        EngineError: If the embeddings are useless.
    """
    started = time.perf_counter()
    protocol_of(context.checkpoint)
    sharded = context.sharded(encoder)
    with quiet() as screen:
        prepared = load(task, context)
        rows = split_of(prepared.task, prepared.subsets[0], prepared.split)
        asked = {
            name: text
            for name, text in zip(rows["queries"]["id"], query_texts(prepared), strict=True)
            if rows["relevant_docs"].get(name)
        }
        corpus = _corpus(rows["corpus"])
        total, done = len(asked) + len(corpus.ids), 0

        def report(count: int) -> None:
            nonlocal done
            done += count
            with contextlib.redirect_stderr(screen):
                context.progress(done, total, "texts")

        found, documents = _search(task, sharded, prepared, corpus, asked, context, report)
        details = _details(prepared, sharded, corpus, asked, context)
    queries = tuple(
        Query(
            id=name,
            text=text,
            documents=tuple(corpus.ids[place] for place in places if place >= 0),
            scores=tuple(float(s) for s, place in zip(scores, places, strict=True) if place >= 0),
            judged={d: int(r) for d, r in rows["relevant_docs"][name].items()},
        )
        for (name, text), places, scores in zip(
            asked.items(), found.places, found.scores, strict=True
        )
    )
    return Candidates(
        queries=queries,
        documents=documents,
        data=prepared.data,
        details=details,
        engine_seconds=sharded.seconds,
        load_seconds=prepared.load_seconds,
        seconds=time.perf_counter() - started,
    )


def first_candidates(task: Task, encoder: Encoder, context: Context) -> Candidates:
    """The first query with the first documents of the corpus, for a preview: no search."""
    assert task.rerank is not None
    with quiet():
        prepared = load(task, context)
        rows = split_of(prepared.task, prepared.subsets[0], prepared.split)
        corpus = _corpus(rows["corpus"])
        name, text = rows["queries"]["id"][0], query_texts(prepared)[0]
        count = min(task.rerank.k, len(corpus.ids))
        documents = [document for _, document in corpus.documents(0, count)]
        details = _details(prepared, encoder, corpus, {name: text}, context)
    ids = corpus.ids[:count]
    query = Query(id=name, text=text, documents=ids, scores=(0.0,) * count, judged={})
    return Candidates(
        queries=(query,),
        documents=dict(zip(ids, documents, strict=True)),
        data=prepared.data,
        details=details,
        engine_seconds=0.0,
        load_seconds=prepared.load_seconds,
        seconds=0.0,
    )


def load(task: Task, context: Context) -> Prepared:
    """The task's data.

    Raises:
        UsageError: If it is not a retrieval or reranking task with one subset.
    """
    from mteb.abstasks.retrieval import AbsTaskRetrieval

    prepared = prepare(task, context.data_root, context.limit, context.seed)
    if not isinstance(prepared.task, AbsTaskRetrieval):
        raise UsageError(
            f"task {task.name}: {task.source} is of type {prepared.task.metadata.type}",
            "rerank a retrieval or reranking task",
        )
    if len(prepared.subsets) > 1:
        raise UsageError(
            f"task {task.name}: {task.source} has {len(prepared.subsets)} subsets",
            "choose one with 'subsets', one task each",
        )
    return prepared


def query_texts(prepared: Prepared) -> list[str]:
    """The queries as mteb gives them to a model."""
    queries = split_of(prepared.task, prepared.subsets[0], prepared.split)["queries"]
    loader = create_dataloader(
        queries, task_metadata=prepared.task.metadata, prompt_type=PromptType.query, batch_size=1024
    )
    return [str(text) for batch in loader for text in batch["text"]]


def prompt_for(prepared: Prepared, context: Context, side: PromptType) -> Prompt:
    """What precedes the texts of one side."""
    protocol, loaded = protocol_of(context.checkpoint), prepared.task
    return resolve_prompt(
        protocol, context.instruction, loaded.metadata, loaded.abstask_prompt, side
    )


def _corpus(rows: Any) -> Corpus:
    ids = [str(name) for name in rows["id"]]
    order = sorted(range(len(ids)), key=ids.__getitem__, reverse=True)
    return Corpus(rows=rows, ids=tuple(ids[row] for row in order), order=tuple(order))


def _search(
    task: Task,
    encoder: Encoder,
    prepared: Prepared,
    corpus: Corpus,
    asked: dict[str, str],
    context: Context,
    report: Callable[[int], None],
) -> tuple[TopK, dict[str, Document]]:
    """The best documents of each query, and the texts of those that are among them."""
    assert task.rerank is not None
    best = TopK(len(asked), max(task.rerank.k, CUT))
    texts = list(asked.values())
    prefixes = {side: prompt_for(prepared, context, side).prefix for side in PromptType}
    vectors = encoder.encode(texts, prefixes[PromptType.query], report)
    check_not_collapsed(texts, vectors)
    queries = unit(vectors)
    place_of = {name: place for place, name in enumerate(corpus.ids)}
    itself = [place_of.get(name) if prepared.task.ignore_identical_ids else None for name in asked]
    allowed = _allowed(prepared, place_of, list(asked))
    kept: dict[int, Document] = {}
    for start in range(0, len(corpus.ids), DOCUMENT_BLOCK):
        block = list(corpus.documents(start, start + DOCUMENT_BLOCK))
        passages = [text for text, _ in block]
        vectors = encoder.encode(passages, prefixes[PromptType.document], report)
        check_not_collapsed(passages, vectors)
        search_block(best, queries, unit(vectors), start, excluded=itself, allowed=allowed)
        wanted = set(best.places.ravel().tolist())
        kept |= {start + i: document for i, (_, document) in enumerate(block)}
        kept = {place: document for place, document in kept.items() if place in wanted}
    return best, {corpus.ids[place]: document for place, document in kept.items()}


def _allowed(prepared: Prepared, place_of: dict[str, int], asked: list[str]) -> list[Places] | None:
    """Reranking tasks: the sorted places of each query's own candidates."""
    ranked = split_of(prepared.task, prepared.subsets[0], prepared.split)["top_ranked"]
    if not ranked:
        return None
    return [
        np.array(sorted(place_of[str(d)] for d in ranked.get(name, ())), dtype=np.int64)
        for name in asked
    ]


def _details(
    prepared: Prepared, encoder: Encoder, corpus: Corpus, asked: dict[str, str], context: Context
) -> dict[str, Any]:
    firsts = {
        PromptType.query: next(iter(asked.values())),
        PromptType.document: next(corpus.documents(0, 1))[0],
    }
    rendered = {}
    for side, text in firsts.items():
        example = encoder.render(text, prompt_for(prepared, context, side).prefix)
        rendered[str(side.value)] = {
            "text": example.text,
            "token_ids": list(example.token_ids[:16]),
        }
    return {
        "rendered": rendered,
        "instruction": {
            str(side.value): prompt_for(prepared, context, side).instruction for side in firsts
        },
        "corpus": len(corpus.ids),
    }
