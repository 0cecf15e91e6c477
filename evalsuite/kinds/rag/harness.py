"""Adapter of kind ``rag``: one row of Table 7 of the GRIT paper, or the latency of all rows."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evalsuite.engines.protocols import Completion, GenerationRequest
from evalsuite.engines.transformers.key_values import KeyValues
from evalsuite.engines.transformers.unified_model import UnifiedModel
from evalsuite.engines.transformers.unified_texts import UnifiedTexts
from evalsuite.errors import UsageError, did_you_mean
from evalsuite.kinds.base import Context, Evaluation, Preview
from evalsuite.kinds.rag.data import Question, QuestionSet, load_world
from evalsuite.kinds.rag.latency import measure
from evalsuite.kinds.rag.prompts import CACHED, Input, prompts_for, whole
from evalsuite.kinds.rag.result import QualityResult
from evalsuite.kinds.rag.retrieve import Retrieved, retrieve
from evalsuite.kinds.rag.scores import METRICS, score
from evalsuite.kinds.rag.task import Method, RagTask
from evalsuite.kinds.shared.item_order import kept_items
from evalsuite.prompting.response_log import FILE_NAME, ResponseLog, request_key
from evalsuite.sample_texts import Name, SampleTexts, shortened
from evalsuite.stats import mean_se


class RagHarness:
    """Evaluates tasks of kind ``rag``."""

    def evaluate(self, task: RagTask, model: UnifiedModel, context: Context) -> Evaluation:
        assert task.rag is not None
        if task.rag.latency is not None:
            return measure(task, task.rag.latency, model, context)
        assert task.rag.method is not None
        started = time.perf_counter()
        world = load_world(task, context.data_root, None)
        chosen = kept_items(context, len(world.questions), world.data.hash)
        world = replace(world, questions=tuple(world.questions[place] for place in chosen))
        loaded = time.perf_counter()
        found: list[Retrieved] = []
        if task.rag.method != "none":
            found = retrieve(world, model, context)
        run = _Run(task, task.rag.method, world, model, context)
        rows = run.answer(found)
        return _evaluation(task, run, rows, loaded - started, time.perf_counter() - loaded)

    def preview(self, task: RagTask, context: Context) -> list[Preview]:
        assert task.rag is not None
        world = load_world(task, context.data_root, 1)
        texts = UnifiedTexts(context.checkpoint, context.options.embed_length)
        prompts = prompts_for(task, context.checkpoint, texts)
        document, question = whole(world.documents[0]), world.questions[0].text
        given = prompts.build(task.rag.method or "doc-cache", question, document)
        sides = [
            Preview(side=f"part {number}", text=texts.tokenizer.decode(ids), token_ids=ids)
            for number, ids in enumerate(given.parts, start=1)
        ]
        return [*sides, Preview(side="chat", text=given.text, token_ids=given.ids)]


def main_metric(task: RagTask) -> str:
    """The metric that is the task's score.

    Raises:
        UsageError: If the task file names another than there are.
    """
    main = task.main_metric or METRICS[0]
    if main not in METRICS:
        raise UsageError(f"{task.name}: no metric is called {main!r}", did_you_mean(main, METRICS))
    return main


def states_of(parts: Sequence[Sequence[int]], model: UnifiedModel) -> KeyValues | None:
    """The caches of texts, one after the other; each from a pass of its own."""
    states: KeyValues | None = None
    for part in parts:
        own = model.key_values(part)
        states = own if states is None else states + own
    return states


class _Run:
    """One method on one corpus."""

    def __init__(
        self,
        task: RagTask,
        method: Method,
        world: QuestionSet,
        model: UnifiedModel,
        context: Context,
    ) -> None:
        self.method = method
        self.world = world
        self.model = model
        self.cut = 0
        self._context = context
        self._tokens = task.generation.max_tokens
        self._prompts = prompts_for(task, context.checkpoint, model.texts)
        self._main = main_metric(task)

    def answer(self, found: Sequence[Retrieved]) -> list[dict[str, Any]]:
        """One row a question; what an earlier run has answered is not asked again."""
        questions = self.world.questions
        rows = []
        with ResponseLog(self._context.workdir / FILE_NAME) as log:
            for number, question in enumerate(questions):
                hit = found[number] if found else None
                given = self._input(question, hit)
                key = request_key(GenerationRequest(given.whole, self._tokens))
                known = log.get(key)
                if not isinstance(known, Completion):
                    known = self._generate(given)
                    log.append([(key, known)])
                rows.append(self._row(question, hit, given, known))
                self._context.progress(number + 1, len(questions), "questions")
        return rows

    def _input(self, question: Question, hit: Retrieved | None) -> Input:
        document = whole(self.world.documents[hit.row]) if hit else ""
        document, cut = self._prompts.fitted(document, question.text, self._tokens)
        self.cut += cut
        return self._prompts.build(self.method, question.text, document)

    def _found(self, question: Question, hit: Retrieved | None) -> float | None:
        """1 if what was found is the document that the questions' file names, else 0."""
        if hit is None or question.document is None:
            return None
        return float(self.world.documents[hit.row].id == question.document)

    def _generate(self, given: Input) -> Completion:
        if self.method in CACHED:
            states, ids = states_of(given.parts, self.model), given.ids
        else:
            states, ids = None, given.whole
        made = self.model.generate(states, ids, self._tokens)
        ended = len(made.token_ids) < self._tokens
        return Completion(
            text=self.model.texts.text(made.token_ids),
            tokens=len(made.token_ids),
            finish="stop" if ended else "length",
        )

    def _row(
        self, question: Question, hit: Retrieved | None, given: Input, answer: Completion
    ) -> dict[str, Any]:
        scores = score(answer.text, question.answers)
        return {
            "sample": question.id,
            "question": question.text,
            "document": self.world.documents[hit.row].id if hit else None,
            "found": self._found(question, hit),
            "similarity": hit.score if hit else None,
            "cached_tokens": sum(map(len, given.parts)),
            "prompt_tokens": len(given.ids),
            "prompt": given.text,
            "response": answer.text,
            "gold": list(question.answers),
            "score": scores[self._main],
            **scores,
        }


def _texts(run: _Run, rows: list[dict[str, Any]]) -> dict[Name, str]:
    """The documents that questions are answered from."""
    found = {row["document"] for row in rows}
    return {
        ("", one.id): shortened("\n".join(filter(None, (one.title, one.text))))
        for one in run.world.documents
        if one.id in found
    }


def _evaluation(
    task: RagTask, run: _Run, rows: list[dict[str, Any]], loading: float, engine: float
) -> Evaluation:
    kept = [*METRICS, *(["found"] if rows[0]["found"] is not None else [])]
    means = {name: math.fsum(row[name] for row in rows) / len(rows) for name in kept}
    main = main_metric(task)
    prompts = run.model.texts
    read = [row["cached_tokens"] + row["prompt_tokens"] for row in rows]
    result = QualityResult(
        method=run.method,
        documents=len(run.world.documents),
        mean_tokens=math.fsum(read) / len(read),
        per_question={name: tuple(row[name] for row in rows) for name in METRICS},
    )
    return Evaluation(
        main_metric=main,
        score=means[main],
        estimator="mean",
        stderr=mean_se([row["score"] for row in rows]),
        n=len(rows),
        metrics=means,
        samples=rows,
        texts=SampleTexts(found=_texts(run, rows)),
        data=run.world.data,
        raw=result.model_dump(mode="json"),
        details={
            "attention": prompts.protocol.attention,
            "embed_length": prompts.protocol.max_length,
            "rendered": {"chat": {"text": rows[0]["prompt"], "token_ids": []}},
        },
        warnings=(
            (f"{run.cut} of {len(rows)} documents were cut to the context",) if run.cut else ()
        ),
        engine_seconds=engine,
        load_seconds=loading,
    )
