"""From lm-eval's result to a score with its samples: pure functions."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from evalsuite.errors import EngineError, UsageError, did_you_mean
from evalsuite.kinds.lm_eval.choice_texts import choice_texts
from evalsuite.kinds.lm_eval.task import LmEvalTask
from evalsuite.kinds.lm_eval.tasks import LoadedTasks
from evalsuite.kinds.shared.sample_rows import INVALID, PLAIN_FILTER, sample_identity
from evalsuite.metrics import Metric, metric_named
from evalsuite.sample_texts import SampleTexts
from evalsuite.schema import Direction, Estimator
from evalsuite.stats import mean_with_error
from evalsuite.suspicions import UNPARSED_SHARE

Metrics = Mapping[str, Any]

UNFINISHED = "truncated: the answer ended at the limit of its length"
TIMED_OUT = "timed out: the program did not end in time"

KEPT = ("results", "groups", "group_subtasks", "versions", "n-shot", "n-samples")


@runtime_checkable
class Extractor(Protocol):
    """A scorer that can say which part of a response is the answer."""

    def extract(self, response: str) -> str | None:
        """The answer, or ``None``."""


@runtime_checkable
class ItemExtractor(Protocol):
    """A scorer whose answer in a response depends on the item."""

    def extract_of(self, doc: Mapping[str, Any], response: str) -> str | None:
        """The answer to an item, or ``None``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The parts of an evaluation that come from lm-eval's result."""

    main_metric: str
    score: float
    estimator: Estimator
    stderr: float | None
    n: int
    metric: Metric
    metrics: dict[str, float]
    samples: list[dict[str, Any]]
    texts: SampleTexts | None
    first_prompt: str
    raw: dict[str, Any]
    warnings: tuple[str, ...]
    mean_over_groups: bool
    """Whether the score is an unweighted mean over the tasks of a group."""


def summarise(
    task: LmEvalTask,
    loaded: LoadedTasks,
    results: Mapping[str, Any],
    unfinished: AbstractSet[tuple[str, str]] = frozenset(),
) -> Summary:
    """Reduce lm-eval's result to one score.

    The score of a group is the group's own aggregate; of a group or tag without one, the mean
    over its tasks' main metrics.

    Args:
        task: Says which metric counts, if it is not the first.
        loaded: The tasks that were evaluated.
        results: What ``lm_eval.evaluator.evaluate`` gave.
        unfinished: Prompt and answer, of the answers that ended at the limit of their length.

    Raises:
        UsageError: If the metric that the task names does not exist.
        EngineError: If no finite score came out.
    """
    table: Mapping[str, Metrics] = {**results["results"], **results.get("groups", {})}
    leaves = list(loaded.leaves)
    wanted = wanted_metric(task)
    mains = {name: main_key(table[name], wanted, name) for name in leaves}
    score, stderr, key = _score(loaded.name, table, mains, wanted)
    if not math.isfinite(score):
        raise EngineError(f"task {task.name}: the score {key} is {score}")
    samples, unparsed = samples_of(results["samples"], loaded, mains, unfinished)
    metrics = _metrics(loaded.name, table)
    metrics.setdefault(shown(key), score)
    for name, share in unparsed.items():
        metrics.setdefault(name, share)
    return Summary(
        main_metric=shown(key),
        score=score,
        # Corpus metrics (BLEU, perplexity) have no score for each sample.
        estimator="other" if any(row["score"] is None for row in samples) else "mean",
        stderr=stderr,
        n=sum(results["n-samples"][name]["effective"] for name in leaves),
        metric=metric_named(shown(key), direction(results, leaves, key)),
        metrics=metrics,
        samples=samples,
        texts=choice_texts(
            results["samples"], {name: key.partition(",")[2] for name, key in mains.items()}
        ),
        first_prompt=samples[0]["prompt"],
        raw=json.loads(json.dumps({k: results[k] for k in KEPT if k in results}, default=str)),
        warnings=_warnings(metrics),
        mean_over_groups=len(leaves) > 1 and _weighs_parts_alike(loaded, table, key),
    )


def wanted_metric(task: LmEvalTask) -> str | None:
    """The metric that a task names as its main one; ``None`` for lm-eval's first."""
    return task.main_metric or task.own_metric


def main_key(metrics: Metrics, wanted: str | None, name: str) -> str:
    """lm-eval's key (``metric,filter``) of the metric that counts.

    Args:
        metrics: A task's entry in lm-eval's results.
        wanted: ``metric``, ``metric,filter`` or ``None`` for lm-eval's first.
        name: The task, for the message.

    Raises:
        UsageError: If there is no such metric.
    """
    keys = _keys(metrics)
    if wanted is None:
        if not keys:
            raise EngineError(f"lm-eval gave no metric for {name}")
        return keys[0]
    for key in keys:
        if wanted in (key, key.partition(",")[0]):
            return key
    raise UsageError(f"{name} has no metric {wanted!r}", did_you_mean(wanted, map(shown, keys)))


def direction(results: Mapping[str, Any], leaves: Sequence[str], key: str) -> Direction | None:
    """Which values of a metric are better, where all of a task's parts state the same."""
    metric = key.partition(",")[0]
    stated = results.get("higher_is_better", {})
    found = {stated.get(leaf, {}).get(metric) for leaf in leaves}
    words: dict[bool | None, Direction] = {True: "higher", False: "lower"}
    return words.get(found.pop()) if len(found) == 1 else None


def _keys(metrics: Metrics) -> list[str]:
    return [
        key
        for key, value in metrics.items()
        if "," in key and "_stderr," not in key and _number(value) is not None
    ]


def _number(value: object) -> float | None:
    if isinstance(value, bool | int | float):
        return float(value)
    # NumPy scalars, without importing NumPy
    item = getattr(value, "item", None)
    return float(item()) if callable(item) and getattr(value, "shape", None) == () else None


def shown(key: str) -> str:
    """The name of lm-eval's key for people: ``acc`` of ``acc,none``."""
    return key.removesuffix(f",{PLAIN_FILTER}")


def _stderr(metrics: Metrics, key: str) -> float | None:
    metric, _, filter_name = key.partition(",")
    value = _number(metrics.get(f"{metric}_stderr,{filter_name}"))
    return value if value is not None and math.isfinite(value) else None


def _score(
    name: str, table: Mapping[str, Metrics], mains: Mapping[str, str], wanted: str | None
) -> tuple[float, float | None, str]:
    """Score, standard error and key of the main metric."""
    own = table.get(name, {})
    if _keys(own):
        key = main_key(own, wanted, name)
        score = _number(own[key])
        assert score is not None
        return score, _stderr(own, key), key
    metrics = sorted({key.partition(",")[0] for key in mains.values()})
    if len(metrics) > 1:
        raise UsageError(
            f"{name} has no score: its tasks have different main metrics ({', '.join(metrics)})",
            "choose one that all have with 'main_metric', or evaluate its tasks",
        )
    values = [float(table[leaf][key]) for leaf, key in mains.items()]
    errors = [_stderr(table[leaf], key) for leaf, key in mains.items()]
    score, stderr = mean_with_error(values, errors)
    return score, stderr, next(iter(mains.values()))


def _weighs_parts_alike(loaded: LoadedTasks, table: Mapping[str, Metrics], key: str) -> bool:
    """Whether a score over several tasks is the mean over them, not over their items."""
    if not _keys(table.get(loaded.name, {})):
        return True
    group = loaded.tasks["groups"][loaded.name]
    metric = key.partition(",")[0]
    return any(
        part.metric == metric and not part.weight_by_size
        for part in group.aggregate_metric_list or ()
    )


def _metrics(name: str, table: Mapping[str, Metrics]) -> dict[str, float]:
    """The task's own metrics as they are, those of subtasks as ``subtask/metric``."""
    found: dict[str, float] = {}
    for entry, metrics in table.items():
        prefix = "" if entry == name else f"{entry}/"
        for key in _keys(metrics):
            value = _number(metrics[key])
            if value is not None and math.isfinite(value):
                found[prefix + shown(key)] = value
    return found


def samples_of(
    logged: Mapping[str, Sequence[Mapping[str, Any]]],
    loaded: LoadedTasks,
    mains: Mapping[str, str],
    unfinished: AbstractSet[tuple[str, str]] = frozenset(),
) -> tuple[list[dict[str, Any]], dict[str, float]]:
    """One row a test item, and the shares of answers in which nothing was found.

    They are called ``unparsed``, and ``part/unparsed`` for the parts of a task that has some. A
    task that takes responses as they are has none, unless nearly all of them are empty.
    """
    rows: list[dict[str, Any]] = []
    shares: dict[str, float] = {}
    for name, key in mains.items():
        metric, _, filter_name = key.partition(",")
        leaf = loaded.leaves[name]
        scorer = leaf.get_config("process_results")
        own = [
            sample_identity(name, example, len(loaded.leaves))
            | _row(metric, example, leaf, scorer)
            | {"problem": _problem(example, unfinished)}
            for example in logged[name]
            if example["filter"] == filter_name
        ]
        rows.extend(own)
        extracting = filter_name != PLAIN_FILTER or _unparsed(own) >= UNPARSED_SHARE
        if leaf.OUTPUT_TYPE == "generate_until" and extracting:
            shares["unparsed"] = 0.0
            if len(mains) > 1:
                shares[f"{name}/unparsed"] = _unparsed(own)
    return rows, {**shares, "unparsed": _unparsed(rows)} if shares else {}


def _unparsed(rows: Sequence[Mapping[str, Any]]) -> float:
    return sum(not row["parsed"] for row in rows) / max(len(rows), 1)


def _row(metric: str, example: Mapping[str, Any], leaf: Any, scorer: object) -> dict[str, Any]:
    row: dict[str, Any] = {
        "score": _number(example.get(metric)),
        "prompt": _plain(example["arguments"][0][0]),
        "target": _plain(example["target"]),
    }
    if leaf.OUTPUT_TYPE == "generate_until":
        return row | _generated(example, scorer) | {"logprobs": ""}
    return row | _scored(example)


def _generated(example: Mapping[str, Any], scorer: object) -> dict[str, Any]:
    responses = [str(response) for response in example["resps"][0]]
    extracted: list[str | None]
    if isinstance(scorer, ItemExtractor):
        extracted = [scorer.extract_of(example["doc"], response) for response in responses]
    elif isinstance(scorer, Extractor):
        extracted = [scorer.extract(response) for response in responses]
    else:
        filtered = example["filtered_resps"][0]
        listed = filtered if isinstance(filtered, list | tuple) else [filtered]
        extracted = [None if item in (INVALID, "", None) else str(item) for item in listed]
    return {
        "response": _one_or_list(responses),
        "extracted": _one_or_list([item or "" for item in extracted]),
        "parsed": all(item is not None for item in extracted),
    }


def _problem(example: Mapping[str, Any], unfinished: AbstractSet[tuple[str, str]]) -> str | None:
    """What went wrong with an answer, whatever its score; ``None`` if nothing is known."""
    prompt = example["arguments"][0][0]
    problems = []
    if any((prompt, response) in unfinished for response in map(str, _responses(example))):
        problems.append(UNFINISHED)
    if _number(example.get("timeouts")):
        problems.append(TIMED_OUT)
    return "; ".join(problems) or None


def _responses(example: Mapping[str, Any]) -> Sequence[object]:
    """The answers to the first request; log-likelihoods are none of those."""
    found: Sequence[object] = example["resps"][0]
    return found if isinstance(found, list | tuple) else ()


def _scored(example: Mapping[str, Any]) -> dict[str, Any]:
    """Multiple choice shows the most likely continuation; others their log-likelihood."""
    pairs = example["filtered_resps"]
    values = [float(p[0]) if isinstance(p, list | tuple) else float(p) for p in pairs]
    best = max(range(len(values)), key=values.__getitem__)
    continuation = example["arguments"][best]
    return {
        "response": _plain(continuation[1]) if len(continuation) > 1 else "",
        "extracted": str(best) if len(values) > 1 else "",
        "parsed": True,
        "logprobs": json.dumps(values),
    }


def _one_or_list(texts: Sequence[str]) -> str:
    return texts[0] if len(texts) == 1 else json.dumps(texts, ensure_ascii=False)


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)


def _warnings(metrics: Mapping[str, float]) -> tuple[str, ...]:
    if share := metrics.get("timeouts"):
        return (f"{100 * share:.1f} % of the programs did not end in time",)
    return ()
