"""The adapter for reranking, in two stages that run in two processes: encoder, then generator."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from evalsuite.data import still_matches
from evalsuite.engines.protocols import Encoder, Generator
from evalsuite.errors import EngineError
from evalsuite.kinds.base import Context, Evaluation, Preview
from evalsuite.kinds.rerank.candidates import (
    Candidates,
    Query,
    load_candidates,
    save_candidates,
)
from evalsuite.kinds.rerank.ranking import Ranked, listwise, pointwise
from evalsuite.kinds.rerank.result import BEFORE_SUFFIX, DETAIL
from evalsuite.kinds.rerank.scores import CUT, difference, ndcg
from evalsuite.kinds.rerank.task import RerankTask
from evalsuite.kinds.shared.client import client_for, decoding_of
from evalsuite.kinds.shared.examples import chat_example, kept, kept_examples
from evalsuite.prompting.client import Client
from evalsuite.prompting.prompter import Prompter
from evalsuite.sample_texts import SampleTexts, shortened

if TYPE_CHECKING:
    from evalsuite.kinds.rerank.prompts import PromptWriter

METRIC = f"ndcg_at_{CUT}"
BEFORE = f"{METRIC}{BEFORE_SUFFIX}"
"""Metric of a record: the same without reranking."""


class RerankHarness:
    """Adapter for kind ``rerank``."""

    def retrieved(self, task: RerankTask, context: Context) -> bool:
        """Whether an earlier run has searched for all queries, in the data as it is now."""
        found = load_candidates(context.workdir)
        return found is not None and still_matches(
            found.data, context.data_root, task.data, task.reads
        )

    def retrieve(self, task: RerankTask, encoder: Encoder, context: Context) -> None:
        """First stage: leave the best documents of each query in ``context.workdir``.

        Raises:
            EvalsuiteError: See :func:`evalsuite.kinds.rerank.retrieve.retrieve`.
        """
        from evalsuite.kinds.rerank.retrieve import retrieve

        save_candidates(context.workdir, retrieve(task, encoder, context))

    def evaluate(self, task: RerankTask, generator: Generator, context: Context) -> Evaluation:
        """Second stage: reorder and score.

        Replies are kept in ``context.workdir`` as they come: none is asked for twice.

        Raises:
            EngineError: If the first stage has left nothing, or the engine fails.
            UsageError: If the prompt is wrong.
        """
        found = load_candidates(context.workdir)
        if found is None:
            raise EngineError("the documents to rerank are gone", "run again")
        with client_for(generator, context, "prompts") as client:
            writer = _writer(task, client.prompter, client.max_length)
            ranked = _rank(task, found, writer, client)
        rows = [_row(q, r) for q, r in zip(found.queries, ranked, strict=True)]
        example = _prompt(task, writer, found.queries[0], found)
        suspicions, cut = client.truncation()
        return Evaluation(
            main_metric=METRIC,
            score=statistics.fmean(row["score"] for row in rows),
            estimator="mean",
            stderr=None,  # the samples give it
            n=len(rows),
            metrics=_metrics(rows, ranked),
            samples=rows,
            texts=_found_texts(found, rows),
            data=found.data,
            raw={},
            details=_details(found, rows, example, client, context.seed),
            warnings=(*_warnings(rows, ranked), *cut),
            suspicions=suspicions,
            engine_seconds=found.engine_seconds + client.seconds,
            load_seconds=found.load_seconds,
            earlier_seconds=found.seconds,
        )

    def preview(self, task: RerankTask, encoder: Encoder, context: Context) -> list[Preview]:
        """Render the first query and document, and a prompt; nothing is embedded.

        The prompt has the first documents of the corpus in the place of those that a search
        would find.
        """
        from evalsuite.engines.choice import context_length
        from evalsuite.kinds.rerank.retrieve import first_candidates

        found = first_candidates(task, encoder, context)
        prompter = Prompter(context.checkpoint)
        room = context_length(context.checkpoint.max_positions, None)
        prompt = _prompt(task, _writer(task, prompter, room), found.queries[0], found)
        return [*kept_examples(found.details["rendered"]), chat_example(prompter, prompt)]


def _writer(task: RerankTask, prompter: Prompter, context_tokens: int) -> PromptWriter:
    from evalsuite.kinds.rerank.prompts import PromptWriter

    assert task.rerank is not None
    # Scoring needs room for an answer of a few tokens.
    answer = task.generation.max_tokens if task.rerank.method == "listwise" else 8
    return PromptWriter(task, prompter, context_tokens - answer)


def _texts(query: Query, found: Candidates, writer: PromptWriter, k: int) -> list[str]:
    return [writer.text(found.documents[name]) for name in query.documents[:k]]


def _rank(
    task: RerankTask, found: Candidates, writer: PromptWriter, client: Client
) -> list[Ranked]:
    settings = task.rerank
    assert settings is not None
    asked = [(q.text, _texts(q, found, writer, settings.k)) for q in found.queries]
    if settings.method == "listwise":
        return listwise(asked, writer, client, settings, decoding_of(task.generation))
    return pointwise(asked, writer, client)


def _prompt(task: RerankTask, writer: PromptWriter, query: Query, found: Candidates) -> str:
    """The prompt of a query before any document has moved."""
    settings = task.rerank
    assert settings is not None
    texts = _texts(query, found, writer, settings.k)
    if settings.method == "listwise":
        return writer.listwise(query.text, texts[-settings.window :])[0]
    return writer.pointwise(query.text, texts[0])


def _row(query: Query, ranked: Ranked) -> dict[str, Any]:
    moved = [query.documents[place] for place in ranked.order]
    after = [*moved, *query.documents[len(moved) :]]
    return {
        "sample": query.id,
        "score": ndcg(after, query.judged),
        "before": ndcg(query.documents, query.judged),
        "query": query.text,
        "documents_before": list(query.documents),
        "documents_after": after,
        "similarities": list(query.scores),
        "permutation": ranked.order,
        "replies": ranked.replies,
        "probabilities": ranked.probabilities,
        "relevant": [name for name, level in query.judged.items() if level > 0],
        "parsed": ranked.parsed,
        "problem": "; ".join(dict.fromkeys(ranked.problems)) or None,
    }


def _found_texts(found: Candidates, rows: Sequence[dict[str, Any]]) -> SampleTexts:
    """The documents that are best before or after reranking, the best of all queries first."""
    columns = [row[name][:CUT] for name in ("documents_after", "documents_before") for row in rows]
    best = dict.fromkeys(name for names in zip_longest(*columns) for name in names if name)
    texts = ((name, found.documents[name]) for name in best)
    return SampleTexts(
        found={
            ("", name): shortened("\n".join(filter(None, (one.title, one.text))))
            for name, one in texts
        }
    )


def _metrics(rows: Sequence[dict[str, Any]], ranked: Sequence[Ranked]) -> dict[str, float]:
    shown = sum(len(one.order) for one in ranked)
    found = {
        METRIC: statistics.fmean(row["score"] for row in rows),
        BEFORE: statistics.fmean(row["before"] for row in rows),
        "moved": statistics.fmean(float(one.order != sorted(one.order)) for one in ranked),
    }
    if ranked[0].probabilities is None:
        found["unparsed"] = statistics.fmean(float(not one.parsed) for one in ranked)
        found["incomplete"] = statistics.fmean(float(bool(one.problems)) for one in ranked)
        found["left_out"] = sum(one.left_out for one in ranked) / shown if shown else 0.0
    return found


def _details(
    found: Candidates, rows: Sequence[dict[str, Any]], example: str, client: Client, seed: int
) -> dict[str, Any]:
    rendered = {**found.details["rendered"], **kept(chat_example(client.prompter, example))}
    changed = difference([row["before"] for row in rows], [row["score"] for row in rows], seed)
    return {
        **found.details,
        "rendered": rendered,
        DETAIL: changed.model_dump(),
        "generation": client.settings,
    }


def _warnings(rows: Sequence[dict[str, Any]], ranked: Sequence[Ranked]) -> tuple[str, ...]:
    found = []
    if lost := [row for row in rows if not row["parsed"]]:
        first = " ".join((lost[0]["replies"] or ["(no room for a prompt)"])[0].split())
        found.append(
            f"{len(lost)} of {len(rows)} queries keep documents in their old order: no ranking in"
            f" the reply, for example {first[:60]!r}"
        )
    partial = sum(bool(row["problem"]) and row["parsed"] for row in rows)
    if partial:
        found.append(
            f"{partial} of {len(rows)} rankings are incomplete; "
            "the documents they lack keep their order"
        )
    if left_out := sum(one.left_out for one in ranked):
        found.append(f"{left_out} documents had no room in a prompt and kept their place")
    return tuple(found)
