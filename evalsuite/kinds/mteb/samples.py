"""Per-item rows, scores and standard errors from what mteb predicted.

The score of a task is computed again from its rows, so that both always agree: mteb rounds
retrieval metrics to five decimals and keeps no row.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores
from mteb._evaluators.text.summarization_evaluator import DeprecatedSummarizationEvaluator
from mteb.abstasks.retrieval import AbsTaskRetrieval

from evalsuite.kinds.mteb.tasks import Prepared, split_of
from evalsuite.schema import Estimator
from evalsuite.stats import average_precision_se, mean_se, mean_with_error, spearman_se

Row = dict[str, Any]
TOP_DOCUMENTS = 10
"""Documents kept per query."""

SUBQUERIES = "max_over_subqueries_"
"""Prefix of mteb's metrics over queries whose ids differ in the part after the last ``_``."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one subset gave."""

    rows: list[Row]
    score: float
    stderr: float | None
    n: int
    warnings: tuple[str, ...] = ()
    estimator: Estimator = "other"


@dataclass(frozen=True, slots=True)
class _Input:
    prepared: Prepared
    subset: str
    predictions: Any
    scores: Mapping[str, Any]
    """mteb's scores of the subset."""
    metric: str

    @property
    def data(self) -> Any:
        return split_of(self.prepared.task, self.subset, self.prepared.split)

    @property
    def ids(self) -> list[str]:
        return self.prepared.ids[self.subset]

    @property
    def mteb_score(self) -> float:
        return float(self.scores[self.metric])


def collect(
    prepared: Prepared, predictions: Mapping[str, Any], scores: list[Row], metric: str
) -> Part:
    """Join the rows of all subsets.

    Args:
        prepared: The task that was evaluated.
        predictions: mteb's prediction file: subset → split → predictions.
        scores: mteb's scores of the split, one mapping a subset with key ``hf_subset``.
        metric: The main metric.

    Returns:
        Rows of all subsets with the key ``subset``; the score as mteb's mean over subsets, its
        standard error (subsets are independent) and the number of items.
    """
    by_subset = {str(row["hf_subset"]): row for row in scores}
    parts = []
    for subset in prepared.subsets:
        found = predictions.get(subset, {}).get(prepared.split)
        source = _Input(prepared, subset, found, by_subset[subset], metric)
        parts.append(_collector(prepared.task)(source))
    groups = prepared.groups
    rows = [
        {"sample": row["sample"], "subset": subset, **_group(row["sample"], groups), **row}
        for subset, part in zip(prepared.subsets, parts, strict=True)
        for row in part.rows
    ]
    score, stderr = mean_with_error([p.score for p in parts], [p.stderr for p in parts])
    estimators = {part.estimator for part in parts}
    return Part(
        rows=rows,
        score=score,
        stderr=stderr,
        n=sum(part.n for part in parts),
        warnings=tuple(warning for part in parts for warning in part.warnings),
        estimator=estimators.pop() if len(estimators) == 1 else "other",
    )


def _group(sample: str, groups: Mapping[str, str]) -> dict[str, str]:
    return {"group": groups[sample]} if sample in groups else {}


def _collector(task: Any) -> Callable[[_Input], Part]:
    if isinstance(task, AbsTaskRetrieval):
        return _retrieval
    return _COLLECTORS.get(task.metadata.type, _without_rows)


def _without_rows(source: _Input) -> Part:
    kind = source.prepared.task.metadata.type
    warning = f"no rows per item are kept for tasks of type {kind}"
    return Part([], source.mteb_score, None, len(source.data), (warning,))


def _classification(source: _Input) -> Part:
    """The score of an item is the share of mteb's experiments that got it right."""
    task = source.prepared.task
    if task.is_cross_validation:
        return _without_rows(source)
    gold = list(source.data[task.label_column_name])
    predicted = list(zip(*source.predictions, strict=True))
    by_item = source.metric == "accuracy"
    rows = []
    for name, label, guesses in zip(source.ids, gold, predicted, strict=True):
        right = sum(guess == label for guess in guesses) / len(guesses)
        row = {"sample": name, "gold": label, "correct": right, "predictions": list(guesses)}
        rows.append({**row, "score": right} if by_item else row)
    if not by_item:
        return Part(rows, source.mteb_score, None, len(rows))
    return _mean_of(rows)


def _mean_of(rows: list[Row], warnings: tuple[str, ...] = ()) -> Part:
    values = [row["score"] for row in rows]
    return Part(rows, float(np.mean(values)), mean_se(values), len(rows), warnings, "mean")


def _sts(source: _Input) -> Part:
    gold = [float(value) for value in source.data["score"]]
    cosine = source.predictions["cosine_scores"]
    rows = [
        {"sample": name, "gold": label, "cosine": value}
        for name, label, value in zip(source.ids, gold, cosine, strict=True)
    ]
    by_rank = source.metric in ("cosine_spearman", "spearman")
    if not by_rank:
        return Part(rows, source.mteb_score, None, len(rows))
    stderr = spearman_se(gold, cosine)
    return Part(rows, source.mteb_score, stderr, len(rows), estimator="spearman")


def _pairs(source: _Input) -> Part:
    label_column = source.prepared.task.label_column_name
    labels = [int(value) for value in source.data[label_column]]
    found = source.predictions
    sides = {
        "cosine": found["cosine_scores"],
        "dot": found["dot_scores"],
        "manhattan": [-value for value in found["manhattan_distances"]],
        "euclidean": [-value for value in found["euclidean_distances"]],
    }
    rows = [
        {"sample": name, "label": label, **{side: values[i] for side, values in sides.items()}}
        for i, (name, label) in enumerate(zip(source.ids, labels, strict=True))
    ]
    # The model's own similarity is the cosine.
    side = {"similarity_ap": "cosine"}.get(source.metric, source.metric.removesuffix("_ap"))
    if source.metric == "max_ap":
        side = max(sides, key=lambda name: source.scores[f"{name}_ap"])
    if side not in sides:
        return Part(rows, source.mteb_score, None, len(rows))
    stderr = average_precision_se(labels, sides[side])
    return Part(rows, source.mteb_score, stderr, len(rows), estimator="average_precision")


def _clustering(source: _Input) -> Part:
    """One row a set; for mteb's sampled clustering, one row an experiment."""
    found = source.scores.get("v_measures")
    if source.metric != "v_measure" or found is None:
        return _without_rows(source)
    if isinstance(found, dict):
        # Not a ``score`` each: the experiments draw from the same texts, so that their spread is
        # not that of new texts.
        rows = [
            {"sample": f"{level}/{number}", "v_measure": float(value)}
            for level, values in found.items()
            for number, value in enumerate(values)
        ]
        score = float(np.mean([row["v_measure"] for row in rows]))
        return Part(rows, score, None, len(source.data))
    labels = source.data[source.prepared.task.label_column_name]
    rows = [
        {"sample": name, "texts": len(row), "clusters": len(set(row)), "score": float(value)}
        for name, row, value in zip(source.ids, labels, found, strict=True)
    ]
    return _mean_of(rows)


def _summarization(source: _Input) -> Part:
    """One row a text; mteb leaves out texts whose summaries all score alike."""
    from scipy.stats import pearsonr, spearmanr

    task, found = source.prepared.task, source.predictions
    measure, _, statistic = source.metric.partition("_")
    key = {"cosine": "cosine_scores", "dot": "dot_scores"}.get(measure, "similarity_scores")
    correlate = pearsonr if (statistic or measure) == "pearson" else spearmanr
    averages_p = issubclass(task.evaluator, DeprecatedSummarizationEvaluator)
    rows: list[Row] = []
    names = _kept_texts(source)
    for name, gold, predicted in zip(names, found["human_scores"], found[key], strict=True):
        result = correlate(gold, predicted)
        correlation = float(result.statistic)
        # mteb's evaluator of SummEval v1 averages correlations together with their p-values
        # (its issue 1156); published scores of that version contain this.
        score = (correlation + float(result.pvalue)) / 2 if averages_p else correlation
        rows.append({"sample": name, "correlation": correlation, "score": score})
    left_out = len(source.data) - len(rows)
    warning = f"{left_out} texts left out: all their summaries are rated, or embedded, alike"
    return _mean_of(rows, (warning,) if left_out else ())


def _kept_texts(source: _Input) -> list[str]:
    """Ids of the texts that mteb kept, found by their gold scores in order."""
    task = source.prepared.task
    span = task.max_score - task.min_score
    kept = iter(source.predictions["human_scores"])
    expected = next(kept, None)
    names = []
    for name, row in zip(source.ids, source.data[task.relevancy_column_name], strict=True):
        gold = ((np.array(row) - task.min_score) / span).tolist()
        if gold == expected and len(set(gold)) > 1:
            names.append(name)
            expected = next(kept, None)
    return names


def _retrieval(source: _Input) -> Part:
    task, data = source.prepared.task, source.data
    run = source.predictions
    if task.ignore_identical_ids:
        run = {
            query: {name: score for name, score in documents.items() if name != query}
            for query, documents in run.items()
        }
    judged, metric = data["relevant_docs"], source.metric
    if metric.startswith(SUBQUERIES):
        run, judged = _merge_subqueries(run, judged)
        metric = metric.removeprefix(SUBQUERIES)
    found = calculate_retrieval_scores(run, judged, list(task.k_values), task.skip_first_result)
    several = len(source.prepared.subsets) > 1
    rows, by_query = [], True
    for query in sorted(found.all_scores):
        scores = found.all_scores[query]
        ranked = sorted(run[query], key=lambda name: (run[query][name], name), reverse=True)
        ranked = ranked[1:] if task.skip_first_result else ranked
        row = {
            "sample": f"{source.subset}/{query}" if several else query,
            "ndcg_at_10": scores["ndcg_cut_10"],
            "ap": scores["map_cut_1000"],
            "documents": ranked[:TOP_DOCUMENTS],
        }
        value = _query_score(metric, scores, ranked, judged[query])
        by_query = by_query and value is not None
        rows.append({**row, "score": value} if value is not None else row)
    if not by_query:
        return Part(rows, source.mteb_score, None, len(rows))
    return _mean_of(rows)


_TREC = {
    "ndcg_at": "ndcg_cut",
    "map_at": "map_cut",
    "recall_at": "recall",
    "precision_at": "P",
    "hit_rate_at": "success",
}
"""mteb's name of a metric → trec_eval's, both without the cut-off."""


def _query_score(
    metric: str, scores: Mapping[str, float], ranked: list[str], judged: Mapping[str, int]
) -> float | None:
    """One query's value of a metric that is a mean over queries; ``None`` for others."""
    name, _, cut = metric.rpartition("_")
    if name == "mrr_at":
        relevant = (rank for rank, d in enumerate(ranked[: int(cut)], 1) if judged.get(d, 0) > 0)
        first = next(relevant, None)
        return 0.0 if first is None else 1 / first
    return scores.get(f"{_TREC[name]}_{cut}") if name in _TREC else None


def _merge_subqueries(
    run: Mapping[str, Mapping[str, float]], judged: Mapping[str, Mapping[str, int]]
) -> tuple[dict[str, dict[str, float]], dict[str, Mapping[str, int]]]:
    """Join queries that share their id up to the last ``_``: each document's best score."""
    merged: dict[str, dict[str, float]] = {}
    relevant: dict[str, Mapping[str, int]] = {}
    for query in judged:
        base = query.rpartition("_")[0]
        best = merged.setdefault(base, {})
        for name, score in run[query].items():
            best[name] = max(score, best.get(name, -math.inf))
        relevant[base] = judged[query]
    return merged, relevant


_COLLECTORS: dict[str, Callable[[_Input], Part]] = {
    "Classification": _classification,
    "Clustering": _clustering,
    "PairClassification": _pairs,
    "STS": _sts,
    "Summarization": _summarization,
}
