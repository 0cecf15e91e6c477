"""First stage: embed queries and documents, and keep the best documents of each query."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from mteb.types import PromptType

from evalsuite.engines.protocols import Encoder, Vectors
from evalsuite.errors import UsageError
from evalsuite.kinds.base import Context
from evalsuite.kinds.mteb.encoder import (
    Prompt,
    check_not_collapsed,
    protocol_of,
    quiet,
    resolve_prompt,
)
from evalsuite.kinds.mteb.retrieval import candidate_rows, query_texts
from evalsuite.kinds.mteb.tasks import PreparedTask, prepare
from evalsuite.kinds.rerank.candidates import Candidates, Document, Query
from evalsuite.kinds.rerank.scores import CUT
from evalsuite.kinds.rerank.task import RerankTask
from evalsuite.search.corpus import Corpus
from evalsuite.search.exact import Hits, rank, search
from evalsuite.search.topk import Rows


def retrieve(task: RerankTask, encoder: Encoder, context: Context) -> Candidates:
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
        rows = prepared.rows(prepared.parts[0])
        texts = query_texts(rows["queries"], prepared.task.metadata)
        asked = {
            name: text
            for name, text in zip(rows["queries"]["id"], texts, strict=True)
            if rows["relevant_docs"].get(name)
        }
        corpus = Corpus(rows["corpus"])
        total, done = len(asked) + len(corpus), 0

        def report(count: int) -> None:
            nonlocal done
            done += count
            with contextlib.redirect_stderr(screen):
                context.progress(done, total, "texts")

        found = _search(task, sharded, prepared, corpus, asked, context, report)
        documents = _documents(corpus, np.unique(np.concatenate([hits.rows for hits in found])))
        details = _details(prepared, sharded, corpus, asked, context)
    queries = tuple(
        Query(
            id=name,
            text=text,
            documents=tuple(corpus.names(hits.rows)),
            scores=tuple(hits.scores.tolist()),
            judged={d: int(r) for d, r in rows["relevant_docs"][name].items()},
        )
        for (name, text), hits in zip(asked.items(), found, strict=True)
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


def first_candidates(task: RerankTask, encoder: Encoder, context: Context) -> Candidates:
    """The first query with the first documents of the corpus, for a preview: no search."""
    assert task.rerank is not None
    with quiet():
        prepared = load(task, context)
        rows = prepared.rows(prepared.parts[0])
        corpus = Corpus(rows["corpus"])
        name = rows["queries"]["id"][0]
        text = query_texts(rows["queries"].select([0]), prepared.task.metadata)[0]
        count = min(task.rerank.k, len(corpus))
        documents = _documents(corpus, np.arange(count))
        details = _details(prepared, encoder, corpus, {name: text}, context)
    ids = tuple(documents)
    query = Query(id=name, text=text, documents=ids, scores=(0.0,) * len(ids), judged={})
    return Candidates(
        queries=(query,),
        documents=documents,
        data=prepared.data,
        details=details,
        engine_seconds=0.0,
        load_seconds=prepared.load_seconds,
        seconds=0.0,
    )


def load(task: RerankTask, context: Context) -> PreparedTask:
    """The task's data.

    Raises:
        UsageError: If it is not a retrieval or reranking task with one split and one subset.
    """
    from mteb.abstasks.retrieval import AbsTaskRetrieval

    prepared = prepare(task, context.data_root, context.limit, context.seed)
    if not isinstance(prepared.task, AbsTaskRetrieval):
        raise UsageError(
            f"task {task.name}: {task.source} is of type {prepared.task.metadata.type}",
            "rerank a retrieval or reranking task",
        )
    if len(prepared.parts) > 1:
        raise UsageError(
            f"task {task.name}: {task.source} has {len(prepared.parts)} parts (splits × subsets)",
            "choose one with 'split' and 'subsets', one task each",
        )
    return prepared


def prompt_for(prepared: PreparedTask, context: Context, side: PromptType) -> Prompt:
    """What precedes the texts of one side."""
    protocol, loaded = protocol_of(context.checkpoint), prepared.task
    return resolve_prompt(
        protocol, context.instruction, loaded.metadata, loaded.abstask_prompt, side
    )


def _documents(corpus: Corpus, rows: Rows) -> dict[str, Document]:
    """Id → document."""
    read = corpus.titles_and_bodies(rows.tolist())
    documents = [Document(title=title, text=body) for title, body in read]
    return dict(zip(corpus.names(rows), documents, strict=True))


def _search(
    task: RerankTask,
    encoder: Encoder,
    prepared: PreparedTask,
    corpus: Corpus,
    asked: dict[str, str],
    context: Context,
    report: Callable[[int], None],
) -> list[Hits]:
    """The best documents of each query; never one with the query's own id, where mteb says so."""
    assert task.rerank is not None

    def embed(texts: list[str], side: PromptType = PromptType.document) -> Vectors:
        vectors = encoder.encode(texts, prompt_for(prepared, context, side).prefix, report)
        check_not_collapsed(texts, vectors)
        return vectors

    similarity = protocol_of(context.checkpoint).similarity
    k, names = max(task.rerank.k, CUT), list(asked)
    queries = embed(list(asked.values()), PromptType.query)
    row_of = corpus.rows_of(names) if prepared.task.ignore_identical_ids else {}
    itself = [row_of.get(name) for name in names]
    ranked = prepared.rows(prepared.parts[0])["top_ranked"]
    if not ranked:
        return search(corpus, queries, embed, k, itself, similarity)
    candidates = [
        np.unique(rows[rows != own])
        for rows, own in zip(candidate_rows(corpus, names, ranked), itself, strict=True)
    ]
    return rank(corpus, queries, embed, k, candidates, similarity)


def _details(
    prepared: PreparedTask,
    encoder: Encoder,
    corpus: Corpus,
    asked: dict[str, str],
    context: Context,
) -> dict[str, Any]:
    firsts = {
        PromptType.query: next(iter(asked.values())),
        PromptType.document: corpus.texts(0, 1)[0],
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
        "corpus": len(corpus),
    }
