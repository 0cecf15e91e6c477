"""AlpacaEval 1.0 in two stages: a candidate answers, then a judge compares.

The stages run in two processes, because two engines must not share a GPU.
"""

from __future__ import annotations

import time

from evalsuite.data import still_matches
from evalsuite.engines.protocols import Generator
from evalsuite.errors import EngineError
from evalsuite.judging.judge import Judge, JudgeEngine
from evalsuite.judging.load import load_judge
from evalsuite.judging.prompt import load_prompt
from evalsuite.kinds.alpaca_eval.data import (
    Answers,
    CandidateAnswer,
    load_answers,
    load_rows,
    save_answers,
)
from evalsuite.kinds.alpaca_eval.scores import Sample, orders, summarise
from evalsuite.kinds.alpaca_eval.task import AlpacaEvalTask
from evalsuite.kinds.base import Context, Evaluation, Preview
from evalsuite.kinds.shared.client import client_for, decoding_of
from evalsuite.kinds.shared.examples import chat_example, kept
from evalsuite.kinds.shared.item_order import kept_items
from evalsuite.prompting.prompter import Prompter
from evalsuite.prompting.response_log import ResponseLog
from evalsuite.text import storable

JUDGEMENTS = "judgements.jsonl"
"""The judge's replies in the job's folder, as they come."""

PLACEHOLDER = "⟨the candidate's answer⟩"
"""Stands in a previewed prompt of the judge."""


class AlpacaEvalHarness:
    """Adapter for AlpacaEval."""

    def answered(self, task: AlpacaEvalTask, context: Context) -> bool:
        """Whether the answers of an earlier run are all there, to the data as it is now."""
        found = load_answers(context.workdir)
        return found is not None and still_matches(
            found.data, context.data_root, task.data, task.datasets
        )

    def answer(self, task: AlpacaEvalTask, generator: Generator, context: Context) -> None:
        """First stage: leave the candidate's answers in ``context.workdir``.

        Raises:
            DataError: If the instructions are missing or malformed.
            EngineError: If the engine fails.
            UsageError: If the chat template refuses an instruction.
        """
        started = time.perf_counter()
        every, data = load_rows(task, context.data_root, None)
        numbers = kept_items(context, len(every), data.hash)
        rows = [every[number] for number in numbers]
        loading = time.perf_counter() - started
        with client_for(generator, context, "answers") as client:
            prompts = [_prompt(client.prompter, row["instruction"]) for row in rows]
            texts = client.generate(prompts, decoding_of(task.generation))
        example = chat_example(client.prompter, prompts[0])
        suspicions, cut = client.truncation()
        answers = Answers(
            answers=tuple(
                CandidateAnswer(
                    instruction=row["instruction"],
                    prompt=prompt,
                    reference=row["output"],
                    response=storable(text),
                    number=number,
                )
                for number, row, prompt, text in zip(numbers, rows, prompts, texts, strict=True)
            ),
            data=data,
            details={"rendered": kept(example), "generation": client.settings},
            warnings=cut,
            suspicions=suspicions,
            engine_seconds=client.seconds,
            load_seconds=loading,
            seconds=time.perf_counter() - started,
        )
        save_answers(context.workdir, answers)

    def judge(self, task: AlpacaEvalTask, engine: JudgeEngine, context: Context) -> Evaluation:  # noqa: ARG002
        """Second stage: have the answers compared with the references.

        Replies are kept in ``context.workdir`` as they come: none is asked for twice.

        Raises:
            EngineError: If the judge cannot be asked, or gives no verdict at all.
        """
        found = load_answers(context.workdir)
        if found is None or context.options.judge is None:
            raise EngineError("the answers to judge are gone", "run again")
        started = time.perf_counter()
        samples = _judged(found, engine, context, context.options.judge)
        seconds = time.perf_counter() - started
        summary = summarise(samples)
        if summary is None:
            raise EngineError(
                f"the judge {engine.version} gave no verdict on any of {len(samples)} samples:"
                f" {samples[0].problem}",
                "try another judge",
            )
        return Evaluation(
            main_metric="win_rate",
            score=summary.win_rate,
            estimator="mean",
            stderr=summary.stderr,
            n=summary.judged,
            metrics=summary.metrics,
            samples=[sample.row() for sample in samples],
            data=found.data,
            raw=summary.raw,
            details={**found.details, "judge": {"engine": engine.version}},
            warnings=(*found.warnings, *summary.warnings),
            suspicions=found.suspicions,
            engine_seconds=found.engine_seconds + seconds,
            load_seconds=found.load_seconds,
            earlier_seconds=found.seconds,
        )

    def preview(self, task: AlpacaEvalTask, context: Context) -> list[Preview]:
        """Render the first prompt of the candidate and, with one chosen, of the judge."""
        [row], _ = load_rows(task, context.data_root, 1)
        prompter = Prompter(context.checkpoint)
        shown = [chat_example(prompter, _prompt(prompter, row["instruction"]))]
        if context.options.judge is None:
            return shown
        engine = load_judge(
            context.options.judge,
            context.options.judge_checkpoint,
            engine="transformers",
            device="cpu",
            dtype="auto",
            weights=False,
        )
        [order, *_] = orders(row["instruction"], context.options.judge.order, context.seed)
        pair = (PLACEHOLDER, row["output"])
        first, second = pair if order == "candidate-first" else pair[::-1]
        asked, ids = engine.show(load_prompt().fill(row["instruction"], first, second))
        return [*shown, Preview(side="judge", text=asked, token_ids=ids)]


def _judged(found: Answers, engine: JudgeEngine, context: Context, judge: Judge) -> list[Sample]:
    """All samples, with the replies to their prompts."""

    def report(done: int, total: int) -> None:
        context.progress(done, total, "judgements")

    template = load_prompt()
    drawn = [orders(answer.instruction, judge.order, context.seed) for answer in found.answers]
    prompts = [
        template.fill(
            answer.instruction,
            *(
                (answer.response, answer.reference)
                if order == "candidate-first"
                else (answer.reference, answer.response)
            ),
        )
        for answer, order_of in zip(found.answers, drawn, strict=True)
        if answer.response != answer.reference
        for order in order_of
    ]
    with ResponseLog(context.workdir / JUDGEMENTS) as log:
        replies = iter(engine.ask(prompts, log, report))
    samples = []
    for answer, order_of in zip(found.answers, drawn, strict=True):
        asked = order_of if answer.response != answer.reference else ()
        samples.append(
            Sample(
                number=answer.number,
                answer=answer,
                order=asked,
                replies=tuple(next(replies) for _ in asked),
            )
        )
    return samples


def _prompt(prompter: Prompter, instruction: str) -> str:
    return prompter.render([{"role": "user", "content": instruction}])
