"""One task of every layout of mteb, on made-up data: its score is ``mteb.evaluate``'s.

``bench/mteb_tasks.py`` does the same for all text tasks.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import mteb
import numpy as np
import pandas as pd
import pytest
from mteb.abstasks.classification import AbsTaskClassification
from mteb.abstasks.clustering import AbsTaskClustering
from scipy.stats import spearmanr

from evalsuite.errors import DataError
from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.table import make_task
from evalsuite.results.sampled import sampled
from evalsuite.stats import spearman_se
from helpers.bag_of_words import BagOfWords, checkpoint, embed
from helpers.contexts import make_context
from helpers.records import record
from made_up_mteb import Hub, served
from mteb_tasks import compare, our_score


@pytest.fixture(autouse=True)
def few_experiments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AbsTaskClassification, "n_experiments", 2)
    monkeypatch.setattr(AbsTaskClustering, "n_clusters", 2)
    monkeypatch.setattr(AbsTaskClustering, "max_documents_per_cluster", 128)


def kind_of(name: str) -> type[Any]:
    return type(mteb.get_task(name))


@pytest.mark.parametrize(
    "name",
    [
        "STSB",  # two splits
        "LEMBPasskeyRetrieval",  # eight, none of them "test"
        "MTOPDomainClassification",  # two splits, several subsets
        "AJGT",  # trains on the split that it scores
        "BUCC",  # bitext, with gold pairs of its own
        "BUCC.v2",
        "FloresBitextMining",  # bitext, subsets are pairs of columns
        "DiaBlaBitextMining",  # bitext, one column
        "XNLI",  # pairs, as a plain list
        "TwitterURLCorpus",  # pairs, as rows
        "TwentyNewsgroupsClustering",  # sets
        "TwentyNewsgroupsClustering.v2",  # rows, sampled
        "SIB200ClusteringS2S",  # sampled, several subsets from one generator
        "KorHateSpeechMLClassification",  # multilabel
        "RuSciBenchYearPublRegression",  # regression
        "SummEvalSummarization.v2",
        "MIRACLReranking",  # candidates, several subsets
        # instructions and candidates, p-MRR; its corpus takes long to encode
        pytest.param("Core17InstructionRetrieval", marks=pytest.mark.e2e),
        "NFCorpus",
    ],
)
def test_the_score_of_a_layout_is_mtebs(name: str, caplog: pytest.LogCaptureFixture) -> None:
    found = compare(kind_of(name))
    assert found["same"], found
    assert "are kept of the samples" not in caplog.text


@pytest.fixture
def two_splits(tmp_path: Path) -> Path:
    """STSB with 30 and 20 pairs, of which the first are the harder ones."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "hub" / "mteb" / "STSB"
    folder.mkdir(parents=True)
    for split, count, noise in (("validation", 30, 4), ("test", 20, 1)):
        rows = []
        for i in range(count):
            first = " ".join(rng.choice(list("abcdefghijklm"), 6))
            kept = first.split()[: i % 6]
            second = " ".join([*kept, *rng.choice(list("nopqrst"), 6 - i % 6)])
            score = i % 6 + noise * rng.random()
            rows.append({"sentence1": first, "sentence2": second, "score": float(score)})
        pd.DataFrame(rows).to_parquet(folder / f"{split}-00000-of-00001.parquet")
    return tmp_path / "hub"


def stsb(root: Path, tmp_path: Path, **more: Any) -> Evaluation:
    context = make_context(checkpoint=checkpoint(), workdir=tmp_path, data_root=root)
    task = make_task(name="STSB", kind="mteb", source="STSB", **more)
    return MtebHarness().evaluate(task, BagOfWords(), context)


def test_a_score_over_two_splits_its_samples_and_its_error(
    two_splits: Path, tmp_path: Path
) -> None:
    result = stsb(two_splits, tmp_path)
    found, errors = [], []
    for split in ("validation", "test"):
        rows = pd.read_parquet(two_splits / "mteb" / "STSB" / f"{split}-00000-of-00001.parquet")
        vectors = [
            [embed(text).astype(float) for text in rows[c]] for c in ("sentence1", "sentence2")
        ]
        cosines = [
            float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))
            for u, v in zip(*vectors, strict=True)
        ]
        found.append(spearmanr(rows.score, cosines).statistic)
        errors.append(spearman_se(list(rows.score), cosines))
    assert abs(found[0] - found[1]) > 0.005, "or one split would do for both"
    assert result.score == pytest.approx(np.mean(found), abs=1e-6)
    assert result.stderr == pytest.approx(math.hypot(*errors) / 2, rel=1e-5)
    assert (result.n, result.warnings) == (50, ())
    assert result.details["splits"] == ["validation", "test"]
    assert [row["subset"] for row in result.samples] == (
        ["validation/default"] * 30 + ["test/default"] * 20
    )
    assert len({row["sample"] for row in result.samples}) == 50
    stored = record("t", result.score, metric=result.main_metric, n=result.n)
    stored = stored.model_copy(update={"estimator": result.estimator})
    read = sampled(stored, result.samples)
    assert read is not None
    assert read.parts == 2
    assert read.stderr == pytest.approx(result.stderr, rel=0.02)


def test_one_split_is_a_part_and_says_so(two_splits: Path, tmp_path: Path) -> None:
    result = stsb(two_splits, tmp_path, splits=("test",))
    assert result.n == 20
    assert result.warnings == ("a part of mteb's task: test × default (1 of 2 parts)",)
    assert result.details["parts"] == {"scored": 1, "of": 2}
    assert {row["subset"] for row in result.samples} == {"default"}


def test_data_without_a_split_that_mteb_scores_is_one_line(
    two_splits: Path, tmp_path: Path
) -> None:
    next((two_splits / "mteb" / "STSB").glob("validation*")).unlink()
    with pytest.raises(DataError) as caught:
        stsb(two_splits, tmp_path)
    assert caught.value.line == (
        "the data set of task STSB has no split 'validation'; there is test; take the data set at "
        "the revision that mteb names"
    )
    assert stsb(two_splits, tmp_path, splits=("test",)).n == 20


def test_data_without_training_texts_is_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "hub" / "mteb" / "banking77"
    folder.mkdir(parents=True)
    rows = [{"text": f"text {i}", "label": i % 2} for i in range(8)]
    pd.DataFrame(rows).to_parquet(folder / "test-00000-of-00001.parquet")
    context = make_context(checkpoint=checkpoint(), workdir=tmp_path, data_root=tmp_path / "hub")
    task = make_task(name="b", kind="mteb", source="Banking77Classification")
    for act in (MtebHarness().evaluate, MtebHarness().preview):
        with pytest.raises(DataError, match=r"task b has no split 'train'; there is test"):
            act(task, BagOfWords(), context)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ModuleNotFoundError("No module named 'langdetect'", name="langdetect"),
            "loader needs langdetect, which is not installed; install it: pip install langdetect",
        ),
        (TypeError("a loader's defect\nand more"), "TypeError: a loader's defect"),
        (AssertionError(), "AssertionError()"),
    ],
)
def test_a_loader_that_fails_is_one_line(
    error: Exception, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(kind_of("STSB"), "load_data", fail, raising=False)
    context = make_context(checkpoint=checkpoint(), workdir=tmp_path)
    with pytest.raises(DataError) as caught:
        MtebHarness().preview(
            make_task(name="s", kind="mteb", source="STSB"), BagOfWords(), context
        )
    assert said in caught.value.line


def test_a_column_that_is_missing_is_one_line(two_splits: Path, tmp_path: Path) -> None:
    for path in (two_splits / "mteb" / "STSB").glob("*.parquet"):
        pd.read_parquet(path).drop(columns="sentence1").to_parquet(path)
    with pytest.raises(DataError, match=r"task STSB is not in the form .*sentence1"):
        stsb(two_splits, tmp_path)


RANDOM = {
    "SIB200ClusteringS2S": ("ace_Latn", "acm_Arab"),
    "KorHateSpeechMLClassification": (),
    "AJGT": (),
}
"""Tasks that draw, the first from one generator through its subsets."""


def limited(name: str) -> Any:
    made = kind_of(name)()
    made.hf_subsets = list(RANDOM[name]) or made.hf_subsets
    return made


def test_order_of_tasks_and_other_users_of_randomness_change_nothing() -> None:
    """Making a task of mteb seeds the global generators, and tasks hold generators of their own."""
    hubs = {name: Hub(limited(name)).follow(partial(limited, name)) for name in RANDOM}

    def scores(order: Iterable[str], seed: int) -> dict[str, float]:
        found = {}
        for name in order:
            random.seed(seed)
            np.random.seed(seed)  # noqa: NPY002
            with served(hubs[name]):
                found[name] = our_score(name, RANDOM[name])[0]
        return found

    first = scores(RANDOM, seed=1)
    assert len(set(first.values())) == 3
    assert scores(reversed(RANDOM), seed=2) == first


def test_the_texts_that_sampled_clustering_has_drawn_are_found(tmp_path: Path) -> None:
    """All subsets draw from one generator: mteb's clusters fit the labels of none but these."""
    name = "SIB200ClusteringS2S"
    task = make_task(name="c", kind="mteb", source=name, subsets=RANDOM[name])
    with served(Hub(limited(name)).follow(partial(limited, name))):
        context = make_context(checkpoint=checkpoint(), workdir=tmp_path)
        result = MtebHarness().evaluate(task, BagOfWords(), context)
    assert result.texts is not None
    items = {(one["subset"], one["sample"]): one for one in result.texts.items}
    assert len(items) == len(result.samples) > 2
    for row in result.samples:
        item = items[row["subset"], row["sample"]]
        assert len(row["member_clusters"]) == len(item["members"]) == len(item["member_labels"])
        assert len(set(item["members"])) > 1


def test_a_job_that_is_taken_up_again_gives_the_same_score(tmp_path: Path) -> None:
    """The vectors of the first attempt are found; everything is drawn anew."""
    name = "SIB200ClusteringS2S"
    task = make_task(name="c", kind="mteb", source=name, subsets=RANDOM[name])

    class Killed(BagOfWords):
        def encode(self, texts: Any, prefix: str = "", progress: Any = None) -> Any:
            if self.calls:
                raise KeyboardInterrupt
            return super().encode(texts, prefix, progress)

    def attempt(encoder: BagOfWords, folder: Path) -> float:
        folder.mkdir(exist_ok=True)
        context = make_context(checkpoint=checkpoint(), workdir=folder)
        return MtebHarness().evaluate(task, encoder, context).score

    with served(Hub(limited(name)).follow(partial(limited, name))):
        whole = attempt(BagOfWords(), tmp_path / "whole")
        with pytest.raises(KeyboardInterrupt):
            attempt(Killed(), tmp_path / "killed")
        assert attempt(BagOfWords(), tmp_path / "killed") == whole
