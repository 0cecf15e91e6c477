"""Per-item rows, scores and standard errors from what mteb predicted.

The score of a task is computed again from its rows, so that both always agree: mteb rounds
retrieval metrics to five decimals and keeps no row.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from mteb._evaluators.retrieval_metrics import calculate_retrieval_scores
from mteb._evaluators.text.summarization_evaluator import DeprecatedSummarizationEvaluator
from mteb.abstasks.multilabel_classification import AbsTaskMultilabelClassification
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.text.bitext_mining import AbsTaskBitextMining

from evalsuite.kinds.mteb.clusters import with_clusters
from evalsuite.kinds.mteb.limits import is_parallel
from evalsuite.kinds.mteb.tasks import Part, PreparedTask
from evalsuite.kinds.mteb.texts import texts_of
from evalsuite.sample_texts import SampleTexts
from evalsuite.schema import Estimator
from evalsuite.stats import average_precision_se, mean_se, mean_with_error, spearman_se

Row = dict[str, Any]
TOP_DOCUMENTS = 10
"""Documents kept per query."""

SUBQUERIES = "max_over_subqueries_"
"""Prefix of mteb's metrics over queries whose ids differ in the part after the last ``_``."""


@dataclass(frozen=True, slots=True)
class ScoredPart:
    """What one part of a task gave, or all of them."""

    rows: list[Row]
    score: float
    stderr: float | None
    n: int
    warnings: tuple[str, ...] = ()
    estimator: Estimator = "other"
    texts: SampleTexts | None = None
    """Of all parts together."""


@dataclass(frozen=True, slots=True)
class _Input:
    prepared: PreparedTask
    part: Part
    predictions: Any
    """What mteb predicted for the part."""
    scores: Mapping[str, Any]
    """mteb's scores of the part."""
    metric: str

    @property
    def data(self) -> Any:
        return self.prepared.rows(self.part)

    @property
    def ids(self) -> list[str]:
        return [self.name(number) for number in self.part.ids]

    def name(self, item: str) -> str:
        """The id of an item among the items of all parts."""
        return f"{self.part.name}/{item}" if len(self.prepared.parts) > 1 else item

    @property
    def mteb_score(self) -> float:
        return float(self.scores[self.metric])


def collect(
    prepared: PreparedTask,
    predictions: Mapping[str, Any],
    scores: Mapping[str, Sequence[Row]],
    metric: str,
) -> ScoredPart:
    """Join the rows of all parts.

    Args:
        prepared: The task that was evaluated.
        predictions: mteb's prediction file: subset → split → predictions.
        scores: mteb's scores: split → one mapping a subset with key ``hf_subset``.
        metric: The main metric.

    Returns:
        Rows of all parts; the key ``subset`` names the part. The score is mteb's mean over the
        parts; with its standard error (parts are independent) and the number of items.
    """
    found = {(split, str(row["hf_subset"])): row for split in scores for row in scores[split]}
    outcomes = []
    for part in prepared.parts:
        predicted = _predicted(prepared.task, predictions, part)
        source = _Input(prepared, part, predicted, found[part.split, part.subset], metric)
        outcomes.append(_collector(source)(source))
    groups = prepared.groups
    rows = [
        {"sample": row["sample"], "subset": part.name, **_group(row["sample"], groups), **row}
        for part, outcome in zip(prepared.parts, outcomes, strict=True)
        for row in outcome.rows
    ]
    estimators = {outcome.estimator for outcome in outcomes}
    score, stderr = mean_with_error([o.score for o in outcomes], [o.stderr for o in outcomes])
    return ScoredPart(
        rows=rows,
        score=score,
        stderr=stderr,
        n=sum(outcome.n for outcome in outcomes),
        warnings=tuple(dict.fromkeys(w for outcome in outcomes for w in outcome.warnings)),
        estimator=estimators.pop() if len(estimators) == 1 else "other",
        texts=texts_of(prepared, rows),
    )


def _predicted(task: Any, predictions: Mapping[str, Any], part: Part) -> Any:
    """What mteb predicted for a part; ``None`` where a task keeps no predictions."""
    if is_parallel(task):
        return predictions["parallel"][part.split][part.subset]
    found = predictions.get(part.subset, {}).get(part.split)
    if isinstance(task, AbsTaskBitextMining) and found is not None:
        [found] = found.values()
    return found


def _group(sample: str, groups: Mapping[str, str]) -> dict[str, str]:
    return {"group": groups[sample]} if sample in groups else {}


def _collector(source: _Input) -> Callable[[_Input], ScoredPart]:
    task = source.prepared.task
    if source.predictions is None:
        return _without_rows
    if isinstance(task, AbsTaskRetrieval):
        return _retrieval
    if isinstance(task, AbsTaskMultilabelClassification):
        return _without_rows
    return _COLLECTORS.get(task.metadata.type, _without_rows)


def _without_rows(source: _Input) -> ScoredPart:
    kind = source.prepared.task.metadata.type
    warning = f"no rows per item are kept for tasks of type {kind}"
    return ScoredPart([], source.mteb_score, None, len(source.data), (warning,))


def _bitext(source: _Input) -> ScoredPart:
    """One row a sentence: which one was found, and the F1 of it as a class.

    mteb's F1 is the mean over the gold sentences of their F1, weighted by how often they are gold:
    the mean over the rows. A right sentence has ``2 / (2 + wrong)`` where ``wrong`` other
    sentences were matched with the same one.
    """
    found = [int(match["corpus_id"]) for match in source.predictions]
    data = source.data
    pairs = data["gold"] if isinstance(data, dict) else [(i, i) for i in range(len(found))]
    gold = [int(pair[1]) for pair in pairs]
    matched, wanted = Counter(found), Counter(gold)
    right = Counter(one for one, other in zip(found, gold, strict=True) if one == other)
    names = source.ids
    rows: list[Row] = []
    for name, one, other in zip(names, found, gold, strict=True):
        f1 = 2 * right[other] / (matched[other] + wanted[other])
        value = {"f1": f1, "accuracy": float(one == other)}.get(source.metric)
        row: Row = {"sample": name, "gold": other, "found": one, "correct": one == other}
        rows.append(row if value is None else {**row, "score": value})
    if source.metric not in ("f1", "accuracy"):
        return ScoredPart(rows, source.mteb_score, None, len(rows))
    return _mean_of(rows)


def _classification(source: _Input) -> ScoredPart:
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
        return ScoredPart(rows, source.mteb_score, None, len(rows))
    return _mean_of(rows)


def _mean_of(rows: list[Row], warnings: tuple[str, ...] = ()) -> ScoredPart:
    values = [row["score"] for row in rows]
    return ScoredPart(rows, float(np.mean(values)), mean_se(values), len(rows), warnings, "mean")


def _sts(source: _Input) -> ScoredPart:
    gold = [float(value) for value in source.data["score"]]
    cosine = source.predictions["cosine_scores"]
    rows = [
        {"sample": name, "gold": label, "cosine": value}
        for name, label, value in zip(source.ids, gold, cosine, strict=True)
    ]
    by_rank = source.metric in ("cosine_spearman", "spearman")
    if not by_rank:
        return ScoredPart(rows, source.mteb_score, None, len(rows))
    stderr = spearman_se(gold, cosine)
    return ScoredPart(rows, source.mteb_score, stderr, len(rows), estimator="spearman")


def _pairs(source: _Input) -> ScoredPart:
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
        return ScoredPart(rows, source.mteb_score, None, len(rows))
    stderr = average_precision_se(labels, sides[side])
    return ScoredPart(rows, source.mteb_score, stderr, len(rows), estimator="average_precision")


def _clustering(source: _Input) -> ScoredPart:
    """One row a set; for mteb's sampled clustering, one row an experiment."""
    scored = _v_measures(source)
    if not scored.rows:
        return scored
    rows = with_clusters(source.prepared, source.part, scored.rows, source.predictions)
    return replace(scored, rows=rows)


def _v_measures(source: _Input) -> ScoredPart:
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
        return ScoredPart(rows, score, None, len(source.data))
    labels = source.data[source.prepared.task.label_column_name]
    rows = [
        {"sample": name, "texts": len(row), "clusters": len(set(row)), "score": float(value)}
        for name, row, value in zip(source.ids, labels, found, strict=True)
    ]
    return _mean_of(rows)


def _summarization(source: _Input) -> ScoredPart:
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
        similarities = _rounded(predicted)
        row = {"sample": name, "correlation": correlation, "similarities": similarities}
        rows.append({**row, "score": score})
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


def _retrieval(source: _Input) -> ScoredPart:
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
    rows, by_query = [], True
    for query in sorted(found.all_scores):
        scores = found.all_scores[query]
        ranked = sorted(run[query], key=lambda name: (run[query][name], name), reverse=True)
        ranked = ranked[1:] if task.skip_first_result else ranked
        row = {
            "sample": source.name(query),
            "ndcg_at_10": scores["ndcg_cut_10"],
            "ap": scores["map_cut_1000"],
            "documents": ranked[:TOP_DOCUMENTS],
            "similarities": _rounded(run[query][name] for name in ranked[:TOP_DOCUMENTS]),
        }
        value = _query_score(metric, scores, ranked, judged[query])
        by_query = by_query and value is not None
        rows.append({**row, "score": value} if value is not None else row)
    if not by_query:
        return ScoredPart(rows, source.mteb_score, None, len(rows))
    return _mean_of(rows)


def _rounded(similarities: Iterable[float]) -> list[float]:
    """Similarities to be read: more digits would take most of the bytes of a sample."""
    return [round(float(value), 3) for value in similarities]


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


_COLLECTORS: dict[str, Callable[[_Input], ScoredPart]] = {
    "BitextMining": _bitext,
    "Classification": _classification,
    "Clustering": _clustering,
    "PairClassification": _pairs,
    "STS": _sts,
    "Summarization": _summarization,
}
