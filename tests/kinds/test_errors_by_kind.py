"""The standard error of a record, for each kind of task, from real evaluations of made-up data."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score

from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.table import make_task
from helpers.bag_of_words import BagOfWords, checkpoint
from helpers.contexts import make_context
from helpers.grit_world import LANGUAGES, hub_dataset, tydiqa
from helpers.grit_world import checkpoint as speaker
from helpers.grit_world import run as ask
from helpers.records import evaluated

WORDS = ["river", "stone", "cloud", "market", "engine", "violin", "harbour", "pepper"]


def sentence(rng: np.random.Generator, n: int = 4) -> str:
    return " ".join(rng.choice(WORDS, n))


def pair(rng: np.random.Generator) -> dict[str, Any]:
    first = sentence(rng)
    kept = int(rng.integers(0, 5))
    second = " ".join([*first.split()[:kept], sentence(rng, 5 - kept)])
    return {"sentence1": first, "sentence2": second, "score": kept, "label": int(kept > 2)}


def sets(rng: np.random.Generator) -> dict[str, Any]:
    labels = [str(label) for label in rng.integers(0, 3, 12)]
    return {
        "texts": [f"{WORDS[int(label)]} {sentence(rng, 2)}" for label in labels],
        "labels": labels,
    }


def candidates(rng: np.random.Generator) -> dict[str, Any]:
    query = sentence(rng)
    near = [f"{query} {sentence(rng, 2)}"]
    return {"query": query, "positive": near, "negative": [sentence(rng) for _ in range(5)]}


def summaries(rng: np.random.Generator) -> dict[str, Any]:
    text = sentence(rng, 10)
    machine = [" ".join([*text.split()[: 2 * k], sentence(rng, 3)]) for k in range(1, 5)]
    relevance = rng.permutation(4).astype(float).tolist()
    human = [text, sentence(rng, 6)]
    return {
        "text": text,
        "human_summaries": human,
        "machine_summaries": machine,
        "relevance": relevance,
    }


def labelled(rng: np.random.Generator) -> dict[str, Any]:
    label = str(rng.choice(WORDS[:3]))
    return {"text": f"{sentence(rng)} {label[:3] if rng.random() < 0.5 else ''}", "label": label}


MADE: dict[str, Callable[[np.random.Generator], dict[str, Any]]] = {
    "classification": labelled,
    "clustering": sets,
    "pair_classification": pair,
    "reranking": candidates,
    "sts": pair,
    "summarization": summaries,
}


def jackknife(kind: str, rows: list[dict[str, Any]]) -> float:
    """``√((n − 1)/n · Σ(θ₋ᵢ − θ̄)²)``: for a mean, the standard deviation over ``√n``."""

    def metric(kept: list[dict[str, Any]]) -> float:
        if kind == "sts":
            found = spearmanr([row["gold"] for row in kept], [row["cosine"] for row in kept])
            return float(found.statistic)
        if kind == "pair_classification":
            labels, scores = ([row[key] for row in kept] for key in ("label", "cosine"))
            return float(average_precision_score(labels, scores))
        return float(np.mean([row["score"] for row in kept]))

    without = np.array([metric(rows[:i] + rows[i + 1 :]) for i in range(len(rows))])
    n = len(rows)
    return math.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())


@pytest.mark.parametrize("kind", MADE)
def test_embedding_records_carry_the_error_of_their_samples(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    files = {}
    for role in ("train", "test") if kind == "classification" else ("test",):
        rows = [MADE[kind](rng) for _ in range(60)]
        files[role] = tmp_path / f"{role}.jsonl"
        files[role].write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = make_task(name="own", kind="mteb", type=kind, data=files)  # type: ignore[arg-type]
    (tmp_path / "work").mkdir()
    context = make_context(checkpoint=checkpoint(), workdir=tmp_path / "work")
    evaluation = MtebHarness().evaluate(task, BagOfWords(), context)
    record = evaluated(evaluation, task, checkpoint())
    exact = kind != "sts"  # the infinitesimal jackknife, not the one that leaves items out
    expected = jackknife(kind, evaluation.samples)
    assert expected > 0
    assert record.stderr == pytest.approx(expected, rel=1e-6 if exact else 0.05)
    assert (record.n, record.groups) == (60, None)
    ranked = kind in ("sts", "pair_classification")
    assert record.details["stderr"] == f"{'influences' if ranked else 'spread'} of 60 samples"


def test_experiments_that_draw_from_the_same_texts_claim_no_error(tmp_path: Path) -> None:
    """mteb's sampled clustering scores ten draws of the same texts."""
    rng = np.random.default_rng(3)
    texts = [f"{sentence(rng)} {i}" for i in range(60)]
    rows = [{"sentences": texts, "labels": [str(i % 3) for i in range(60)]}]
    folder = tmp_path / "mteb" / "medrxiv-clustering-s2s"
    folder.mkdir(parents=True)
    pd.DataFrame(rows).to_parquet(folder / "test-00000-of-00001.parquet")
    (tmp_path / "work").mkdir()
    context = make_context(checkpoint=checkpoint(), workdir=tmp_path / "work", data_root=tmp_path)
    task = make_task(name="m", kind="mteb", source="MedrxivClusteringS2S.v2")
    evaluation = MtebHarness().evaluate(task, BagOfWords(), context)
    assert len(evaluation.samples) == 10
    assert evaluated(evaluation, task, checkpoint()).stderr is None


def told(prompt: str, _: int) -> str:
    return " test answer 0" if "test 0?" in prompt or "test 3?" in prompt else " test answer"


def test_languages_of_one_size_are_fixed_parts_of_tydiqa(tmp_path: Path) -> None:
    """Its score is a mean over languages, also where a mean over items would be the same."""
    tydiqa(tmp_path, dict.fromkeys(LANGUAGES, 4))
    of = speaker(tmp_path / "lm", chat=True)
    evaluation, _ = ask("TyDiQA", of, tmp_path / "w", tmp_path, told)
    record = evaluated(evaluation, make_task(name="t", kind="lm_eval", source="t"), of)
    parts = [
        np.array([row["score"] for row in evaluation.samples if row["group"] == language])
        for language in LANGUAGES
    ]
    expected = math.sqrt(sum(part.var(ddof=1) / part.size for part in parts)) / len(parts)
    assert expected > 0
    assert record.stderr == pytest.approx(expected)
    assert (record.n, record.groups) == (36, None)
    assert record.details["stderr"] == "spread of 36 samples, within 9 parts"


def test_questions_of_a_subject_count_together_in_mmlu(tmp_path: Path) -> None:
    """Its score is a mean over questions; lm-eval's own error takes them for independent."""
    rows = [
        {"question": f"Q{n}", "subject": f"subject_{s}", "choices": list("wxyz"), "answer": 1}
        for s in range(6)
        for n in range(5)
    ]
    hub_dataset(tmp_path, "cais/mmlu", {("all", "test"): rows})
    of = speaker(tmp_path / "lm", chat=True)

    def answer(prompt: str, _: int) -> str:
        return "B" if any(f"about  subject {s}." in prompt for s in (0, 2, 3)) else "A"

    evaluation, _ = ask("MMLU", of, tmp_path / "w", tmp_path, answer)
    record = evaluated(evaluation, make_task(name="t", kind="lm_eval", source="t"), of)
    means = np.array([1, 0, 1, 1, 0, 0])
    assert record.score == pytest.approx(0.5)
    assert record.stderr == pytest.approx(means.std(ddof=1) / math.sqrt(6))
    assert (record.n, record.groups) == (30, 6)
    assert evaluation.stderr == pytest.approx(0.5 / math.sqrt(29))
    assert record.details["stderr"] == "spread of 30 samples in 6 groups"
