"""Own embedding tasks on data sets of the hub, read from a mirror without a network."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalsuite.commands.data import needed
from evalsuite.data.needs import Need
from evalsuite.errors import DataError, ExitCode, UsageError
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.run.own_data import check_files
from evalsuite.run.plan import missing_data
from helpers.grit_world import hub_dataset
from helpers.own_tasks import own, run, sentence, write

COMMIT = "0123456789" * 4
NAME = "org/tickets"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "cache"))


def pairs(seed: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(12):
        first, second = sentence(rng), sentence(rng)
        score = float(len({*first.split()} & {*second.split()}))
        rows.append({"one": first, "two": second, "gold": score + 0.1 * rng.random()})
    return rows


def task(text: str, folder: Path) -> Task:
    """The only task of a task file."""
    folder.mkdir(exist_ok=True)
    assert len(text.strip().splitlines()) <= 10
    (folder / "mine.yaml").write_text(text)
    return Registry.load([folder]).task("mine")


STS = f"""
name: mine
kind: mteb
type: sts
hub: {{dataset: {NAME}, config: en, splits: {{test: validation}}}}
columns: {{sentence1: one, sentence2: two, score: gold}}
"""


def test_a_score_is_that_of_the_same_rows_in_a_file(tmp_path: Path) -> None:
    tables = {("en", "validation"): pairs(1), ("en", "test"): pairs(2), ("de", "test"): pairs(3)}
    hub_dataset(tmp_path / "mirror", NAME, tables)
    found = run(task(STS, tmp_path / "tasks"), tmp_path, data_root=tmp_path / "mirror")
    columns = {"sentence1": "one", "sentence2": "two", "score": "gold"}
    file = write(tmp_path / "rows.jsonl", pairs(1))
    expected = run(own("sts", {"test": file}, columns=columns), tmp_path)
    assert found.score == expected.score
    assert found.n == 12
    assert found.data.source == "local"
    assert set(found.data.datasets) == {NAME}


def test_changed_data_is_read_again(tmp_path: Path) -> None:
    mine = task(STS, tmp_path / "tasks")
    scores = []
    for seed in (1, 2):
        hub_dataset(tmp_path / "mirror", NAME, {("en", "validation"): pairs(seed)})
        scores.append(run(mine, tmp_path, data_root=tmp_path / "mirror"))
    assert scores[0].score != scores[1].score
    assert scores[0].data.hash != scores[1].data.hash


def test_retrieval_in_the_layout_of_the_hub_needs_no_splits(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    corpus = [{"_id": f"d{n}", "title": "", "text": sentence(rng, 8)} for n in range(20)]
    queries = [{"_id": f"q{n}", "text": corpus[n]["text"]} for n in range(5)]
    qrels = [{"query-id": f"q{n}", "corpus-id": f"d{n}", "score": 1} for n in range(5)]
    tables = {
        ("corpus", "corpus"): corpus,
        ("queries", "queries"): queries,
        ("default", "test"): qrels,
    }
    hub_dataset(tmp_path / "mirror", NAME, tables)
    text = f"name: mine\nkind: mteb\ntype: retrieval\nhub: {{dataset: {NAME}}}\n"
    found = run(task(text, tmp_path / "tasks"), tmp_path, data_root=tmp_path / "mirror")
    # Each query is the text of its document; a second document with the same words would tie.
    assert found.score == 1.0
    assert found.n == 5


def test_classification_with_labels_of_one_name(tmp_path: Path) -> None:
    rows = [{"text": text, "label": n % 2} for n, text in enumerate(["river", "market"] * 20)]
    hub_dataset(tmp_path / "mirror", NAME, {("default", "train"): rows, ("default", "test"): rows})
    text = f"name: mine\nkind: mteb\ntype: classification\nhub: {{dataset: {NAME}}}\n"
    found = run(task(text, tmp_path / "tasks"), tmp_path, data_root=tmp_path / "mirror")
    assert found.score == 1.0


def test_what_is_not_there_is_known_before_a_model_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "mirror").mkdir()
    mine = task(STS, tmp_path / "tasks")
    assert missing_data(mine, tmp_path / "mirror") == (NAME,)
    hub_dataset(tmp_path / "mirror", NAME, {("en", "test"): pairs(1)})
    assert missing_data(mine, tmp_path / "mirror") == ()
    with pytest.raises(DataError, match=f"test cannot be read from {NAME}, config en, split vali"):
        check_files(mine, tmp_path / "mirror")


def test_a_row_that_cannot_be_scored_is_refused_with_its_number(tmp_path: Path) -> None:
    rows = pairs(1)
    rows[4]["two"] = ""
    hub_dataset(tmp_path / "mirror", NAME, {("en", "validation"): rows})
    said = r"en\.validation\.parquet.*5.*'two' is empty"
    with pytest.raises(DataError, match=said) as wrong:
        check_files(task(STS, tmp_path / "tasks"), tmp_path / "mirror")
    assert wrong.value.exit_code is ExitCode.DATA


def test_fetching_knows_what_a_task_reads(tmp_path: Path) -> None:
    task(STS, tmp_path / "tasks")
    registry = Registry.load([tmp_path / "tasks"])
    assert needed(registry, ["mine"]) == (Need(name=NAME, revision="main", tasks=("mine",)),)
    pinned = make_task(name="p", kind="mteb", type="sts", hub={"dataset": NAME, "revision": COMMIT})
    assert pinned.reads == {NAME: COMMIT}


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"hub": {"dataset": NAME}}, "'hub' needs 'type'"),
        ({"type": "sts", "hub": {"dataset": NAME}, "source": "STS12"}, "'source' has no meaning"),
        ({"type": "sts", "hub": {"dataset": NAME}, "split": "dev"}, "'split' has no meaning"),
        ({"type": "sts", "hub": {"dataset": "tickets"}}, "dataset"),
        ({"type": "sts", "hub": {"dataset": NAME, "revision": "v1"}}, "revision"),
        (
            {"type": "sts", "hub": {"dataset": NAME, "splits": {"train": "train"}}},
            "'splits' has unknown train; allowed: test",
        ),
    ],
)
def test_what_does_not_fit_is_refused(keys: dict[str, Any], said: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(json.dumps({"name": "mine", "kind": "mteb", **keys}))
    with pytest.raises(UsageError, match=r"mine\.yaml") as wrong:
        Registry.load([tmp_path])
    assert said in wrong.value.line
