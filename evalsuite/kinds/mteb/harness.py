"""Evaluates embedding tasks with mteb's own code."""

from __future__ import annotations

import contextlib
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from evalsuite.checkpoint.models import EmbeddingProtocol
from evalsuite.engines.protocols import Encoder, EncoderOf, Rendered, TokenEncoder
from evalsuite.errors import EngineError, UsageError, did_you_mean
from evalsuite.kinds.base import Context, Evaluation, Preview
from evalsuite.kinds.mteb.checked_encoder import CheckedEncoder, check_rendered
from evalsuite.kinds.mteb.task import MAIN_METRIC, OwnEmbeddingTask
from evalsuite.schema import LEADERBOARD_METRIC

if TYPE_CHECKING:
    from mteb.types import PromptType

    from evalsuite.kinds.mteb.encoder import MtebEncoder
    from evalsuite.kinds.mteb.retrieval import MtebSearch
    from evalsuite.kinds.mteb.tasks import PreparedTask

TOKENS_SHOWN = 16
"""How many token ids of a rendered example are kept."""

_ALIASES = {("reranking", "map"): "map_at_1000"}
"""(Type, metric) of own-data tasks → mteb's name; a candidate list is shorter than 1000."""


class MtebHarness:
    """Adapter for embedding tasks: mteb's tasks by name, and tasks on one's own files."""

    def evaluate(self, task: OwnEmbeddingTask, encoder: Encoder, context: Context) -> Evaluation:
        """Evaluate one task.

        See :func:`evalsuite.kinds.mteb.tasks.prepare` for what ``context.limit`` keeps and
        :func:`evalsuite.kinds.mteb.encoder.resolve_prompt` for the instruction of each side.
        The score is mteb's: the mean over all subsets of all evaluation splits, or over the part
        of them that the task file chooses, which a warning then says. Metrics are mteb's, without
        those about abstention (``nauc_…``, kept in ``raw``).

        Raises:
            UsageError: For a task, subset, split or metric that does not exist.
            CheckpointError: If the checkpoint cannot embed.
            DataError: If the data is missing or malformed.
            EngineError: If the embeddings are useless, or no score comes out.
        """
        from evalsuite.kinds.mteb.encoder import protocol_of, quiet

        sharded = _kept(encoder, context, protocol_of(context.checkpoint))
        watched: CheckedEncoder[Any] = CheckedEncoder(sharded)
        with quiet() as screen:
            from evalsuite.kinds.mteb.samples import collect
            from evalsuite.kinds.mteb.tasks import prepare

            def report(done: int, total: int) -> None:
                with contextlib.redirect_stderr(screen):
                    context.progress(done, total, "texts")

            prepared = prepare(task, context.data_root, context.limit, context.seed)
            rendered = _rendered(task, prepared, encoder, context)
            check_rendered(encoder, context.checkpoint, rendered)
            model = _model(watched, prepared, context, report)
            result, predictions = _run(model, prepared, context.workdir / "predictions")
            scores = result["scores"]
            of_parts = [row for rows in scores.values() for row in rows]
            metric = _main_metric(task, prepared.task.metadata.main_score, of_parts[0])
            outcome = collect(prepared, predictions, scores, metric)
            details = _details(task, prepared, encoder, context)
        if not math.isfinite(outcome.score):
            raise EngineError(
                f"{metric} of {task.name} is not a number: too few test items, or useless vectors",
                "raise --limit, or look at the checkpoint",
            )
        return Evaluation(
            main_metric=metric,
            score=outcome.score,
            estimator=outcome.estimator,
            stderr=outcome.stderr,
            n=outcome.n,
            metrics={**_metrics(of_parts), metric: outcome.score},
            samples=outcome.rows,
            texts=outcome.texts,
            data=prepared.data,
            raw=_plain(result),
            details=details,
            warnings=(*_part_of(prepared), *outcome.warnings),
            suspicions=watched.suspicions(),
            engine_seconds=sharded.seconds,
            load_seconds=prepared.load_seconds,
        )

    def preview(self, task: OwnEmbeddingTask, encoder: Encoder, context: Context) -> list[Preview]:
        """Render the first test item of each side; loads the data, embeds nothing."""
        from evalsuite.kinds.mteb.encoder import quiet

        with quiet():
            from evalsuite.kinds.mteb.tasks import prepare

            prepared = prepare(task, context.data_root, context.limit, context.seed)
            return _show(task, prepared, encoder, context)


def _kept(encoder: Encoder, context: Context, protocol: EmbeddingProtocol) -> Any:
    """The encoder, with its vectors kept: one a text, or several."""
    if protocol.late_interaction:
        return context.sharded_tokens(cast("TokenEncoder", encoder))
    return context.sharded(encoder)


def _show(
    task: OwnEmbeddingTask, prepared: PreparedTask, encoder: Encoder, context: Context
) -> list[Preview]:
    """The first test item of each side as the model is given it."""
    from evalsuite.kinds.mteb.encoder import side_of

    prompts, shown = _prompts(prepared, context), []
    for side, text in _first_texts(task, prepared):
        example = encoder.render(text, prompts(side).prefix)
        ids = example.token_ids[:TOKENS_SHOWN]
        shown.append(Preview(side=side_of(side), text=example.text, token_ids=ids))
    return shown


def _rendered(
    task: OwnEmbeddingTask, prepared: PreparedTask, encoder: Encoder, context: Context
) -> list[Rendered]:
    """The first test item of each side, with all of its token ids."""
    prompts = _prompts(prepared, context)
    firsts = _first_texts(task, prepared)
    return [encoder.render(text, prompts(side).prefix) for side, text in firsts]


def _first_texts(
    task: OwnEmbeddingTask, prepared: PreparedTask
) -> list[tuple[PromptType | None, str]]:
    from evalsuite.kinds.mteb.tasks import first_texts, readable

    return readable(task, lambda: first_texts(prepared))


def _details(
    task: OwnEmbeddingTask, prepared: PreparedTask, encoder: Encoder, context: Context
) -> dict[str, Any]:
    from evalsuite.kinds.mteb.encoder import side_of

    prompts, scope = _prompts(prepared, context), prepared.scope
    details: dict[str, Any] = {
        "rendered": {
            example.side: {"text": example.text, "token_ids": list(example.token_ids)}
            for example in _show(task, prepared, encoder, context)
        },
        "instruction": {
            side_of(side): prompts(side).instruction for side, _ in _first_texts(task, prepared)
        },
        LEADERBOARD_METRIC: prepared.task.metadata.main_score,
    }
    if len(scope.splits) > 1:
        details["splits"] = list(scope.splits)
    if not scope.is_whole:
        details["parts"] = {"scored": scope.count, "of": scope.of}
    return details


def _part_of(prepared: PreparedTask) -> tuple[str, ...]:
    """That a part of mteb's task was scored, and how much of it."""
    words = prepared.scope.words
    return (f"a part of mteb's task: {words}",) if words else ()


def _prompts(prepared: PreparedTask, context: Context) -> Any:
    from evalsuite.kinds.mteb.encoder import protocol_of, resolve_prompt

    protocol, loaded = protocol_of(context.checkpoint), prepared.task
    return lambda side: resolve_prompt(
        protocol, context.instruction, loaded.metadata, loaded.abstask_prompt, side
    )


def _model(
    encoder: EncoderOf[Any], prepared: PreparedTask, context: Context, report: Any
) -> MtebEncoder | MtebSearch:
    """What mteb evaluates: for retrieval and reranking something that searches."""
    from mteb.abstasks.retrieval import AbsTaskRetrieval

    from evalsuite.engines.vectors.forms import CutEncoder
    from evalsuite.kinds.mteb.encoder import MtebEncoder, protocol_of
    from evalsuite.kinds.mteb.retrieval import MtebSearch

    form = context.form
    if form.dims:
        normalize = protocol_of(context.checkpoint).normalize
        encoder = CutEncoder(encoder, form.dims, normalize=normalize)
    kind = MtebSearch if isinstance(prepared.task, AbsTaskRetrieval) else MtebEncoder
    prompts = _prompts(prepared, context)
    return kind(encoder, context.checkpoint, prompts, report, form.rounding)


def _run(
    model: MtebEncoder | MtebSearch, prepared: PreparedTask, folder: Path
) -> tuple[dict[str, Any], Mapping[str, Any]]:
    """Let mteb evaluate; gives its result and what it predicted, by subset and split."""
    import json
    import time

    from mteb.results import TaskResult

    from evalsuite.kinds.mteb.encoder import LOADER_BATCH

    shutil.rmtree(folder, ignore_errors=True)
    started = time.monotonic()
    scores = {
        split: prepared.task.evaluate(
            model,
            split,
            encode_kwargs={"batch_size": LOADER_BATCH, "show_progress_bar": False},
            prediction_folder=folder,
        )
        for split in prepared.scope.splits
    }
    result = TaskResult.from_task_results(
        prepared.task, scores, evaluation_time=time.monotonic() - started
    )
    kept = folder / prepared.task.prediction_file_name
    predictions = json.loads(kept.read_bytes()) if kept.exists() else {}
    return result.to_dict(), predictions


def _main_metric(task: OwnEmbeddingTask, default: str, scores: Mapping[str, Any]) -> str:
    wanted = task.main_metric or (MAIN_METRIC[task.type] if task.type else default)
    metric = _ALIASES.get((task.type or "", wanted), wanted)
    if not isinstance(scores.get(metric), (int, float)):
        known = [name for name, value in scores.items() if _is_metric(name, value)]
        raise UsageError(f"task {task.name} has no metric {wanted!r}", did_you_mean(wanted, known))
    return metric


def _is_metric(name: str, value: object) -> bool:
    number = isinstance(value, (int, float)) and math.isfinite(value)
    return number and name != "main_score" and not name.startswith("nauc_")


def _metrics(scores: list[dict[str, Any]]) -> dict[str, float]:
    """Means over parts of the metrics that all of them have."""
    names = [name for name, value in scores[0].items() if _is_metric(name, value)]
    shared = [n for n in names if all(_is_metric(n, row.get(n)) for row in scores)]
    return {name: sum(float(row[name]) for row in scores) / len(scores) for name in shared}


def _plain(value: Any) -> Any:
    """JSON-ready copy; what is not a number becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        return _plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (bool, int, str)) or value is None else str(value)
