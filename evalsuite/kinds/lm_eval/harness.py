"""Evaluates generative tasks with lm-eval's own code."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import random
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from evalsuite.engines.protocols import Generator
from evalsuite.errors import DataError, EngineError
from evalsuite.kinds.base import Context, Evaluation, Preview
from evalsuite.prompting.response_log import FILE_NAME, ResponseLog
from evalsuite.registry.models import Task
from evalsuite.results.sampled import MEAN_OVER_GROUPS
from evalsuite.results.suspicions import truncated_prompts

if TYPE_CHECKING:
    from evalsuite.kinds.lm_eval.model import EngineLM
    from evalsuite.kinds.lm_eval.tasks import LoadedTasks

BOOTSTRAP = 1000
"""Draws for the standard error of metrics that are not means; means need none."""


class LmEvalHarness:
    """Adapter for generative tasks: lm-eval's tasks by name, and tasks on one's own files."""

    def evaluate(self, task: Task, generator: Generator, context: Context) -> Evaluation:
        """Evaluate one task.

        Answers are kept in ``context.workdir`` as they come: an evaluation that was killed
        goes on behind the last finished wave.

        Raises:
            UsageError: For a task, template or setting that does not exist or fit.
            DataError: If data is missing or malformed.
            EngineError: If the engine or the sandbox fails.
            TaskSkipped: If the task runs code and there is no sandbox.
        """
        _prepare_environment(context)
        from evalsuite.kinds.lm_eval.model import EngineLM
        from evalsuite.kinds.lm_eval.results import summarise

        def report(done: int, total: int) -> None:
            context.progress(done, total, "requests")

        with ResponseLog(context.workdir / FILE_NAME) as log:
            lm = EngineLM(generator, context.checkpoint, log, seed=context.seed, progress=report)
            started = time.perf_counter()
            loaded = _load(task, context, chat=lm.chats)
            loading = time.perf_counter() - started
            results = _run(lm, loaded, context)
        summary = summarise(task, loaded, results)
        suspicions, cut = truncated_prompts(lm.truncated, lm.asked, lm.max_length)
        return Evaluation(
            main_metric=summary.main_metric,
            score=summary.score,
            estimator=summary.estimator,
            stderr=summary.stderr,
            n=summary.n,
            percent=summary.percent,
            metrics=summary.metrics,
            samples=summary.samples,
            data=loaded.data,
            raw=summary.raw,
            details=_details(lm, loaded, summary.first_prompt, results)
            | ({MEAN_OVER_GROUPS: True} if summary.mean_over_groups else {}),
            warnings=(*loaded.warnings, *summary.warnings, *cut, *_damaged(log)),
            suspicions=suspicions,
            engine_seconds=lm.seconds,
            load_seconds=loading,
        )

    def preview(self, task: Task, context: Context) -> list[Preview]:
        """Render the first test item as the model would see it, without an engine."""
        _prepare_environment(context)
        from evalsuite.kinds.lm_eval.model import EngineLM

        with _silence():
            lm = EngineLM(None, context.checkpoint)
            loaded = _load(task, context, chat=lm.chats)
            first = next(iter(loaded.leaves.values()))
            _build(lm, first, loaded, limit=1)
        instance = first.instances[0]
        text = str(instance.args[0])
        return [Preview(side="chat", text=text, token_ids=tuple(lm.tok_encode(text)))]


def _load(task: Task, context: Context, *, chat: bool) -> LoadedTasks:
    if task.source is not None:
        from evalsuite.kinds.lm_eval.tasks import load_source

        return load_source(
            task.source if chat else task.base_source or task.source,
            tokenizer=context.checkpoint.tokenizer_path,
            data_root=context.data_root,
            shots=context.shots,
            seed=context.seed,
        )
    from evalsuite.kinds.lm_eval.own_data import load_own

    return load_own(task, chat=chat, shots=context.shots, seed=context.seed)


def _run(lm: EngineLM, loaded: LoadedTasks, context: Context) -> dict[str, Any]:
    import numpy as np
    from lm_eval.evaluator import evaluate

    random.seed(context.seed)
    np.random.seed(context.seed)  # noqa: NPY002 - tasks of lm-eval use the global state
    with _template_errors(loaded.name):
        results: dict[str, Any] | None = evaluate(
            lm,
            loaded.tasks,
            limit=context.limit,
            bootstrap_iters=BOOTSTRAP,
            apply_chat_template=lm.chats,
            fewshot_as_multiturn=lm.chats and loaded.multiturn,
        )
    if results is None:
        raise EngineError(f"lm-eval gave no result for {loaded.name}")
    return results


def _build(lm: EngineLM, task: Any, loaded: LoadedTasks, limit: int) -> None:
    with _template_errors(loaded.name):
        task.build_all_requests(
            limit=limit,
            apply_chat_template=lm.chats,
            fewshot_as_multiturn=lm.chats and loaded.multiturn,
            chat_template=lm.apply_chat_template if lm.chats else None,
            tokenizer_name=lm.tokenizer_name if lm.chats else "",
        )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep lm-eval's progress bars and warnings off a person's screen."""
    logger = logging.getLogger("lm_eval")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def _template_errors(name: str) -> Iterator[None]:
    """Templates meet each row only while requests are built."""
    from jinja2 import TemplateError

    try:
        yield
    except TemplateError as error:
        raise DataError(
            f"task {name}: a template does not fit a row: {error.message}",
            "check the columns of the data",
        ) from error


def _prepare_environment(context: Context) -> None:
    """Set what libraries read from the environment, before they are imported."""
    # lm-eval would fork the process, engine and all, to draw bootstrap samples.
    os.environ["DISABLE_MULTIPROC"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if context.data_root is not None:
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["HF_DATASETS_OFFLINE"] = "1"


def _details(
    lm: EngineLM, loaded: LoadedTasks, prompt: str, results: dict[str, Any]
) -> dict[str, Any]:
    # Examples inside the message are none to lm-eval; the shipped files state their number.
    stated = {
        name: metadata["shots"]
        for name, task in loaded.leaves.items()
        if "shots" in (metadata := task.get_config("metadata") or {})
    }
    return {
        "rendered": {"chat": {"text": prompt, "token_ids": lm.tok_encode(prompt)[:64]}},
        "chat_template": lm.chats,
        "generation": lm.settings,
        "shots": results.get("n-shot", {}) | stated,
        "versions": {name: str(version) for name, version in results["versions"].items()},
    }


def _damaged(log: ResponseLog) -> list[str]:
    if not log.damaged:
        return []
    return [f"{log.damaged} damaged lines of the response log were asked again"]
