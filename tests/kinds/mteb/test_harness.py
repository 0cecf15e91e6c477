"""mteb's own tasks: found by name, read from local data, scored as mteb scores them."""

from __future__ import annotations

import json
import math
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr

from evalsuite.data import hash_folder, still_matches
from evalsuite.errors import CheckpointError, DataError, UsageError
from evalsuite.kinds.base import Evaluation
from evalsuite.kinds.mteb.harness import MtebHarness
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Instruction, Task
from helpers.bag_of_words import GRIT, BagOfWords, checkpoint, embed
from helpers.contexts import make_context


def source(name: str, **more: Any) -> Task:
    return make_task(name=name, kind="mteb", source=name, **more)


def run(task: Task, tmp_path: Path, root: Path | None, **context: Any) -> Evaluation:
    made = {"checkpoint": checkpoint(), "workdir": tmp_path, "data_root": root, **context}
    return MtebHarness().evaluate(task, BagOfWords(), make_context(**made))


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """The folder of a data set with 40 pairs under the name of STSBenchmark's."""
    rng = np.random.default_rng(0)
    letters = list("abcdefghijklm")
    rows = []
    for i in range(40):
        first = " ".join(rng.choice(letters, 6))
        second = " ".join([*first.split()[: i % 6], *rng.choice(letters, 6 - i % 6)])
        rows.append({"sentence1": first, "sentence2": second, "score": float(i % 6)})
    folder = tmp_path / "hub" / "mteb" / "stsbenchmark-sts"
    folder.mkdir(parents=True)
    for split in ("validation", "test"):
        frame = pd.DataFrame(rows if split == "test" else rows[:10])
        frame.to_parquet(folder / f"{split}-00000-of-00001.parquet")
    return tmp_path / "hub"


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        pytest.fail(f"network access: {args}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_local_data_is_read_hashed_and_scored(
    mirror: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    events: list[tuple[int, int, str]] = []
    result = run(
        source("STSBenchmark"), tmp_path, mirror, progress=lambda *event: events.append(event)
    )
    folder = mirror / "mteb" / "stsbenchmark-sts"
    rows = pd.read_parquet(folder / "test-00000-of-00001.parquet")

    def similar(row: Any) -> float:
        u, v = embed(row.sentence1).astype(float), embed(row.sentence2).astype(float)
        return float(u @ v / np.linalg.norm(u) / np.linalg.norm(v))

    expected = spearmanr(rows.score, [similar(row) for row in rows.itertuples()]).statistic
    assert result.score == pytest.approx(expected, abs=1e-6)
    assert (result.main_metric, result.n) == ("cosine_spearman", 40)
    assert result.data.datasets == {"mteb/stsbenchmark-sts": hash_folder(folder)}
    assert still_matches(result.data, mirror)
    assert events[-1] == (80, 80, "texts")
    assert result.raw["task_name"] == "STSBenchmark"
    for part in (result.raw, result.samples, result.metrics, result.details):
        json.dumps(part, allow_nan=False)
    out, err = capfd.readouterr()
    assert (out, err) == ("", "")


def test_another_split_is_another_score(mirror: Path, tmp_path: Path) -> None:
    assert run(source("STSBenchmark", split="validation"), tmp_path, mirror).n == 10
    with pytest.raises(UsageError, match=r"no split 'dev'; there is .*test"):
        run(source("STSBenchmark", split="dev"), tmp_path, mirror)


def test_a_missing_data_set_is_named_with_its_place(tmp_path: Path) -> None:
    expected = (
        "dataset mteb/nfcorpus (revision ec0fa4fe99da), needed by mteb:NFCorpus, is not in "
        f"{tmp_path}; put it into "
        f"{tmp_path}/mteb/nfcorpus in the hub's layout, or use the hub (no --data)"
    )
    with pytest.raises(DataError) as caught:
        run(source("NFCorpus"), tmp_path, tmp_path)
    assert caught.value.line == expected


def test_unreadable_local_data_is_one_line(mirror: Path, tmp_path: Path) -> None:
    for path in (mirror / "mteb" / "stsbenchmark-sts").glob("*.parquet"):
        path.write_bytes(b"not parquet")
    with pytest.raises(DataError, match=r"dataset mteb/stsbenchmark-sts in .* cannot be loaded: "):
        run(source("STSBenchmark"), tmp_path, mirror)


def test_unknown_names_are_met_with_near_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"did you mean .*STSBenchmark"):
        run(source("STSBenchmrk"), tmp_path, tmp_path)
    with pytest.raises(UsageError, match="no subset 'eng'; did you mean en"):
        run(source("AmazonCounterfactualClassification", subsets=("eng",)), tmp_path, tmp_path)
    with pytest.raises(UsageError, match=r"mean of other tasks; list .*CQADupstackTexRetrieval"):
        run(source("CQADupstackRetrieval"), tmp_path, tmp_path)


def test_a_checkpoint_that_cannot_embed_is_refused(mirror: Path, tmp_path: Path) -> None:
    without = checkpoint().model_copy(update={"embedding": None})
    with pytest.raises(CheckpointError, match="no embedding protocol"):
        run(source("STSBenchmark"), tmp_path, mirror, checkpoint=without)


def test_a_killed_runs_predictions_do_not_leak(mirror: Path, tmp_path: Path) -> None:
    stale = tmp_path / "predictions" / "STSBenchmark_predictions.json"
    stale.parent.mkdir()
    stale.write_text('{"default": {"test": {"cosine_scores": [0]}}')
    assert run(source("STSBenchmark"), tmp_path, mirror).n == 40


def test_the_instruction_reaches_the_encoder(mirror: Path, tmp_path: Path) -> None:
    encoder = BagOfWords()
    context = make_context(
        checkpoint=checkpoint(wrapper=GRIT),
        workdir=tmp_path,
        data_root=mirror,
        instruction=Instruction(query="find", document="ignored here"),
    )
    result = MtebHarness().evaluate(source("STSBenchmark"), encoder, context)
    assert {prefix for prefix, _ in encoder.calls} == {"<|user|>\nfind\n<|embed|>\n"}
    assert result.details["instruction"] == {"text": "find"}


@pytest.mark.realdata
def test_several_subsets_are_averaged_as_mteb_does(tmp_path: Path, shared_data: Path) -> None:
    task = source("AmazonCounterfactualClassification", splits=("test",), subsets=("en", "de"))
    result = run(task, tmp_path, shared_data / "hub", limit=60)
    parts = {
        subset: [row["score"] for row in result.samples if row["subset"] == subset]
        for subset in ("en", "de")
    }
    means = {subset: np.mean(values) for subset, values in parts.items()}
    reported = {row["hf_subset"]: row["main_score"] for row in result.raw["scores"]["test"]}
    assert reported == pytest.approx(means)
    assert result.score == pytest.approx((means["en"] + means["de"]) / 2)
    variance = sum(np.var(values, ddof=1) / 60 for values in parts.values()) / 4
    assert result.stderr == pytest.approx(math.sqrt(variance))
    assert result.n == 120
    assert {row["sample"].split("/")[0] for row in result.samples} == {"en", "de"}
    assert result.warnings == ("a part of mteb's task: test × en, de (2 of 8 parts)",)
    assert result.details["parts"] == {"scored": 2, "of": 8}


@pytest.mark.realdata
@pytest.mark.usefixtures("no_network")
def test_retrieval_on_a_public_data_set(tmp_path: Path, shared_data: Path) -> None:
    result = run(source("SciFact"), tmp_path, shared_data / "hub", limit=40)
    scores = [row["score"] for row in result.samples]
    assert result.n == len(scores) == 40
    assert result.score == pytest.approx(np.mean(scores), abs=1e-12)
    reported = result.raw["scores"]["test"][0]["main_score"]
    assert round(result.score, 5) == pytest.approx(reported, abs=1e-9)
    assert set(result.details["rendered"]) == {"query", "document"}


def test_an_unreachable_hub_suggests_local_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> None:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket.socket, "connect", unreachable)
    monkeypatch.setattr(socket, "getaddrinfo", unreachable)
    monkeypatch.setattr(time, "sleep", lambda _: None)  # between tries
    with pytest.raises(DataError, match=r"cannot be loaded from the hub: .*--data") as caught:
        run(source("NFCorpus"), tmp_path, None)
    assert "\n" not in caught.value.line
