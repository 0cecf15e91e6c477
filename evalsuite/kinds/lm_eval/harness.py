"""Evaluates generative tasks with lm-eval's own code."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import random
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from evalsuite.engines.protocols import Generator
from evalsuite.errors import DataError, EngineError, EvalsuiteError
from evalsuite.kinds.base import Context, Evaluation, Preview
from evalsuite.kinds.lm_eval.packages import missing_package
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.shared.client import client_for
from evalsuite.kinds.shared.examples import chat_example, kept
from evalsuite.metrics import metric_named
from evalsuite.prompting.client import Client
from evalsuite.prompting.prompter import Prompter
from evalsuite.prompting.response_log import ResponseLog
from evalsuite.results.sampled import MEAN_OVER_GROUPS

if TYPE_CHECKING:
    from evalsuite.kinds.lm_eval.model import EngineLM
    from evalsuite.kinds.lm_eval.parts import Choice
    from evalsuite.kinds.lm_eval.tasks import LoadedTasks
    from evalsuite.kinds.lm_eval.waves import WavesOutcome, WavesProgress

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
        from evalsuite.kinds.lm_eval.parts import limited
        from evalsuite.kinds.lm_eval.results import summarise
        from evalsuite.kinds.lm_eval.waves import WavesProgress

        progress = WavesProgress(context.progress)
        with client_for(generator, replace(context, progress=progress), "requests") as client:
            started = time.perf_counter()
            chat = client.prompter.chat is not None
            loaded = _load(task, context, chat=chat)
            loading = time.perf_counter() - started
            lm = EngineLM(client)
            choice = limited(loaded, context)
            looks, why = _in_waves(lm, client.prompter, task, loaded, choice, context, progress)
            if looks is not None and looks.stopped is not None:
                return _stopped(looks, loaded, lm, client, loading)
            results = _run(lm, loaded, choice, context, chat=chat)
        summary = summarise(task, loaded, results, client.unfinished)
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
            | ({MEAN_OVER_GROUPS: True} if summary.mean_over_groups else {})
            | (looks.kept(context.options.stopping, task.name) if looks else {}),
            warnings=(*loaded.warnings, *summary.warnings, *cut, *why, *_damaged(client.log)),
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
            _build(prompter, first, loaded, samples=[0])
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


def _in_waves(
    lm: EngineLM,
    prompter: Prompter,
    task: LmEvalTask,
    loaded: LoadedTasks,
    choice: Choice | None,
    context: Context,
    progress: WavesProgress,
) -> tuple[WavesOutcome | None, list[str]]:
    """Answer in waves, if a check may end the task early.

    Returns:
        What came of it, ``None`` if there is no rule or it does not fit; and why it does not.
    """
    from evalsuite.kinds.lm_eval.drawing import fewshot_seed
    from evalsuite.kinds.lm_eval.parts import BuiltTasks, all_items
    from evalsuite.kinds.lm_eval.waves import Waves, why_not

    stopping = context.options.stopping
    rule = stopping.rules.get(task.name) if stopping else None
    if rule is None:
        return None, []
    chosen = choice or all_items(loaded, context.limit)
    why = why_not(rule, task, loaded.data.hash, sum(map(len, chosen.values())))
    if why is None:
        chat = prompter.chat is not None
        _seed(context)
        for name, leaf in loaded.leaves.items():
            _build(prompter, leaf, loaded, samples=chosen[name])

        def evaluate(part: LoadedTasks, items: dict[str, list[int]]) -> dict[str, Any]:
            return _run(lm, part, items, context, chat=chat, draws=0)

        built = BuiltTasks(loaded=loaded, choice=chosen)
        waves = Waves(task, built, rule, context, evaluate, progress)
        found = waves.run()
        progress.all_again()
        for leaf in loaded.leaves.values():
            # As it was before the requests were built.
            leaf.set_fewshot_seed(fewshot_seed(task, context.seed))
        if found is not None:
            return found, []
        why = "the baseline has other samples"
    return None, [f"not stopped early: {why}"]


def _stopped(
    looks: WavesOutcome, loaded: LoadedTasks, lm: EngineLM, client: Client, loading: float
) -> Evaluation:
    """What is known of a task that ended early."""
    from evalsuite.kinds.lm_eval.results import direction

    ended = looks.stopped
    assert ended is not None
    suspicions, cut = client.truncation()
    leaves = list(looks.results["results"])
    return Evaluation(
        main_metric=looks.metric,
        score=ended.score,
        estimator="mean",
        stderr=None,
        n=ended.n,
        metric=metric_named(looks.metric, direction(looks.results, leaves, looks.metric)),
        metrics={},
        samples=looks.rows,
        data=loaded.data,
        raw={},
        details=_details(lm, client.prompter, loaded, looks.rows[0]["prompt"], looks.results),
        warnings=(*loaded.warnings, *cut, *_damaged(client.log)),
        stopped=ended,
        suspicions=suspicions,
        engine_seconds=client.seconds,
        load_seconds=loading,
    )


def _run(
    lm: EngineLM,
    loaded: LoadedTasks,
    choice: Choice | None,
    context: Context,
    *,
    chat: bool,
    draws: int = BOOTSTRAP,
) -> dict[str, Any]:
    """Have lm-eval evaluate tasks: all items, those that were chosen, or the first ones."""
    from lm_eval.evaluator import evaluate

    _seed(context)
    with _task_errors(loaded):
        results: dict[str, Any] | None = evaluate(
            lm,
            loaded.tasks,
            limit=context.limit if choice is None else None,
            samples=None if choice is None else dict(choice),
            bootstrap_iters=draws,
            apply_chat_template=chat,
            fewshot_as_multiturn=chat and loaded.multiturn,
        )
    if results is None:
        raise EngineError(f"lm-eval gave no result for {loaded.name}")
    return results


def _seed(context: Context) -> None:
    import numpy as np

    random.seed(context.seed)
    np.random.seed(context.seed)  # noqa: NPY002 - tasks of lm-eval use the global state


def _build(prompter: Prompter, task: Any, loaded: LoadedTasks, samples: list[int]) -> None:
    chat = prompter.chat is not None
    with _task_errors(loaded):
        task.build_all_requests(
            samples=samples,
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
