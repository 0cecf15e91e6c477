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
from evalsuite.errors import DataError, EngineError, EvalsuiteError
from evalsuite.kinds.base import Context, Evaluation, Preview
from evalsuite.kinds.lm_eval.packages import missing_package
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.shared.client import client_for
from evalsuite.kinds.shared.examples import chat_example, kept
from evalsuite.prompting.prompter import Prompter
from evalsuite.prompting.response_log import ResponseLog
from evalsuite.results.sampled import MEAN_OVER_GROUPS

if TYPE_CHECKING:
    from evalsuite.kinds.lm_eval.model import EngineLM
    from evalsuite.kinds.lm_eval.tasks import LoadedTasks

BOOTSTRAP = 1000
"""Draws for the standard error of metrics that are not means; means need none."""


class LmEvalHarness:
    """Adapter for generative tasks: lm-eval's tasks by name, and tasks on one's own files."""

    def evaluate(self, task: LmEvalTask, generator: Generator, context: Context) -> Evaluation:
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

        with client_for(generator, context, "requests") as client:
            started = time.perf_counter()
            chat = client.prompter.chat is not None
            loaded = _load(task, context, chat=chat)
            loading = time.perf_counter() - started
            lm = EngineLM(client)
            results = _run(lm, loaded, context, chat=chat)
        summary = summarise(task, loaded, results)
        suspicions, cut = client.truncation()
        return Evaluation(
            main_metric=summary.main_metric,
            score=summary.score,
            estimator=summary.estimator,
            stderr=summary.stderr,
            n=summary.n,
            metric=summary.metric,
            metrics=summary.metrics,
            samples=summary.samples,
            texts=summary.texts,
            data=loaded.data,
            raw=summary.raw,
            details=_details(lm, client.prompter, loaded, summary.first_prompt, results)
            | ({MEAN_OVER_GROUPS: True} if summary.mean_over_groups else {}),
            warnings=(*loaded.warnings, *summary.warnings, *cut, *_damaged(client.log)),
            suspicions=suspicions,
            engine_seconds=client.seconds,
            load_seconds=loading,
        )

    def preview(self, task: LmEvalTask, context: Context) -> list[Preview]:
        """Render the first test item as the model would see it, without an engine."""
        _prepare_environment(context)
        with _silence():
            prompter = Prompter(context.checkpoint)
            loaded = _load(task, context, chat=prompter.chat is not None)
            first = next(iter(loaded.leaves.values()))
            _build(prompter, first, loaded, limit=1)
        return [chat_example(prompter, str(first.instances[0].args[0]))]


def _load(task: LmEvalTask, context: Context, *, chat: bool) -> LoadedTasks:
    if task.source is not None:
        from evalsuite.kinds.lm_eval.changes import chosen_parts
        from evalsuite.kinds.lm_eval.drawing import fewshot_seed
        from evalsuite.kinds.lm_eval.tasks import Changes, load_source

        seed_loading(task, context.seed)
        name = task.source if chat else task.base_source or task.source
        parts = chosen_parts(name, task.parts, task.folder) if task.parts else None
        return load_source(
            name,
            tokenizer=context.checkpoint.tokenizer_path,
            data_root=context.data_root,
            shots=task.shots,
            seed=fewshot_seed(task, context.seed),
            folder=task.folder,
            changes=Changes(split=task.split, parts=parts, decoding=task.decoding),
        )
    from evalsuite.kinds.lm_eval.own_data import load_own

    return load_own(task, chat=chat, shots=task.shots, seed=context.seed)


def seed_loading(task: LmEvalTask, seed: int) -> None:
    """Set the seeds by which a task's own code draws while its data is read, as lm-eval does."""
    import numpy as np

    from evalsuite.kinds.lm_eval.drawing import FEWSHOT_SEED, PYTHON_SEED, RUN_SEED, of_lm_eval

    as_lm_eval = seed == RUN_SEED and of_lm_eval(task)
    random.seed(PYTHON_SEED if as_lm_eval else seed)
    np.random.seed(FEWSHOT_SEED if as_lm_eval else seed)  # noqa: NPY002 - the global state


def _run(lm: EngineLM, loaded: LoadedTasks, context: Context, *, chat: bool) -> dict[str, Any]:
    import numpy as np
    from lm_eval.evaluator import evaluate

    random.seed(context.seed)
    np.random.seed(context.seed)  # noqa: NPY002 - tasks of lm-eval use the global state
    with _task_errors(loaded):
        results: dict[str, Any] | None = evaluate(
            lm,
            loaded.tasks,
            limit=context.limit,
            bootstrap_iters=BOOTSTRAP,
            apply_chat_template=chat,
            fewshot_as_multiturn=chat and loaded.multiturn,
        )
    if results is None:
        raise EngineError(f"lm-eval gave no result for {loaded.name}")
    return results


def _build(prompter: Prompter, task: Any, loaded: LoadedTasks, limit: int) -> None:
    chat = prompter.chat is not None
    with _task_errors(loaded):
        task.build_all_requests(
            limit=limit,
            apply_chat_template=chat,
            fewshot_as_multiturn=chat and loaded.multiturn,
            chat_template=prompter.render if chat else None,
            tokenizer_name=prompter.name if chat else "",
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
def _task_errors(loaded: LoadedTasks) -> Iterator[None]:
    """Errors of a task's own templates and code, which meet the rows only here."""
    from jinja2 import TemplateError

    name = loaded.name
    try:
        yield
    except EvalsuiteError:
        raise
    except TemplateError as error:
        raise DataError(
            f"task {name}: a template does not fit a row: {error.message}",
            "check the columns of the data",
        ) from error
    except LookupError as error:
        if type(error) is not LookupError:  # an index or a key
            raise
        # As NLTK says it, in many lines, of a resource that was not downloaded.
        raise DataError(
            f"task {name} needs a resource that is not installed: {_sentence(error)}",
            "install it beside evalsuite",
        ) from error
    except Exception as error:
        if lacking := missing_package(name, loaded.folder, error):
            raise lacking from error
        raise


def _sentence(error: LookupError) -> str:
    """The first line of a boxed message, without the box."""
    lines = (line.strip("* ") for line in str(error).splitlines())
    return next(filter(None, lines), repr(error))


def _prepare_environment(context: Context) -> None:
    """Set what libraries read from the environment, before they are imported."""
    # lm-eval would fork the process, engine and all, to draw bootstrap samples.
    os.environ["DISABLE_MULTIPROC"] = "1"
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if context.data_root is not None:
        os.environ["HF_HUB_OFFLINE"] = "1"
        os.environ["HF_DATASETS_OFFLINE"] = "1"


def _details(
    lm: EngineLM, prompter: Prompter, loaded: LoadedTasks, prompt: str, results: dict[str, Any]
) -> dict[str, Any]:
    # lm-eval does not count examples inside the message; the shipped files state their number.
    stated = {
        name: metadata["shots"]
        for name, task in loaded.leaves.items()
        if "shots" in (metadata := task.get_config("metadata") or {})
    }
    return {
        "rendered": kept(chat_example(prompter, prompt)),
        "chat_template": prompter.chat is not None,
        "generation": lm.settings,
        "shots": results.get("n-shot", {}) | stated,
        "versions": {name: str(version) for name, version in results["versions"].items()},
    }


def _damaged(log: ResponseLog) -> list[str]:
    if not log.damaged:
        return []
    return [f"{log.damaged} damaged lines of the response log were asked again"]
