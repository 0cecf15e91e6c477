"""Result files of mteb as records: both forms, what is chosen from them, and bad files."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from evalsuite.errors import DataError, UsageError
from evalsuite.importers.mteb import read_mteb
from evalsuite.importers.storing import Stored, put_new
from evalsuite.kinds.table import make_task
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import SubtaskMean, Suite
from evalsuite.schema import Record, digest
from evalsuite.store import Store


@pytest.fixture(scope="module")
def registry() -> Registry:
    """Tasks as the GRIT suites have them, without reading the shipped ones."""
    found = Registry()
    for task in (
        make_task(name="Pairs", kind="mteb", source="Pairs", main_metric="cosine_ap"),
        make_task(name="Many", kind="mteb", source="Many", subsets=("en",)),
        make_task(name="Dev", kind="mteb", source="Dev", split="dev"),
        make_task(name="my-sts", kind="mteb", source="Sts", category="STS"),
    ):
        found.tasks[task.name] = task
    mean = SubtaskMean(name="Merged", mean_of=("Many", "Dev"), category="Retrieval")
    found.suites["s"] = Suite(name="s", tasks=("Many", "Dev"), subtask_means=(mean,))
    return found


def newer(name: str, scores: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A file of mteb 1.11 and later."""
    return {"task_name": name, "mteb_version": "1.14.5", "scores": scores, **more}


def write(folder: Path, *files: dict[str, Any], model: str = "org__m/abc") -> Path:
    target = folder / model
    target.mkdir(parents=True, exist_ok=True)
    for content in files:
        name = content.get("task_name") or content["mteb_dataset_name"]
        (target / f"{name}.json").write_text(json.dumps(content))
    return folder / model.split("/", maxsplit=1)[0]


def one(folder: Path, registry: Registry) -> Record:
    (found,) = read_mteb(folder, registry).records
    return found[0]


PAIRS = {"hf_subset": "default", "cos_sim_ap": 0.8, "max_ap": 0.9, "main_score": 0.9}


def test_newer_form(tmp_path: Path, registry: Registry) -> None:
    folder = write(tmp_path, newer("Pairs", {"test": [PAIRS]}))
    record = one(folder, registry)
    assert (record.main_metric, record.score) == ("cosine_ap", 0.8)
    assert record.metrics["max_ap"] == 0.9
    assert record.details["leaderboard_metric"] == "max_ap"
    assert record.checkpoint.name == "m"
    assert record.checkpoint.kind == "imported"
    # As documented: one row for each model and revision.
    assert record.checkpoint.fingerprint == digest(["imported", "org/m", "abc"])
    assert record.origin is not None
    assert record.origin.harness == record.signature.harness == "mteb 1.14.5"
    assert record.origin.revision == "abc"
    file = folder / "abc" / "Pairs.json"
    assert record.origin.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()
    assert record.signature.engine == record.signature.device == "imported"


def test_older_form(tmp_path: Path, registry: Registry) -> None:
    """mteb 1.0 to 1.10: splits at the top, similarities one level deeper."""
    sides = {
        side: {"ap": ap, "accuracy": 0.5}
        for side, ap in {"cos_sim": 0.7, "dot": 0.6, "euclidean": 0.75, "manhattan": 0.72}.items()
    }
    pairs = {
        "mteb_dataset_name": "Pairs",
        "mteb_version": "1.1.1",
        "dataset_revision": "d" * 40,
        "test": {**sides, "evaluation_time": 12.0},
    }
    many = {
        "mteb_dataset_name": "Many",
        "dataset_revision": None,
        "test": {"en": {"accuracy": 0.3, "main_score": 0.3}, "de": {"accuracy": 0.9}},
    }
    folder = write(tmp_path, pairs, many)
    by_task = {r.signature.task: r for r, _ in read_mteb(folder, registry).records}
    assert by_task["Pairs"].score == 0.7
    assert by_task["Pairs"].metrics["max_ap"] == 0.75  # the largest of the four
    assert by_task["Pairs"].details["leaderboard_metric"] == "max_ap"
    assert by_task["Pairs"].signature.harness == "mteb 1.1.1"
    assert by_task["Many"].score == 0.3
    assert by_task["Many"].signature.harness == "mteb (version not stated)"


def test_only_max_ap_stays_max_ap(tmp_path: Path, registry: Registry) -> None:
    rows = [{"hf_subset": "default", "max_ap": 0.9, "main_score": 0.9}]
    record = one(write(tmp_path, newer("Pairs", {"test": rows})), registry)
    assert (record.main_metric, record.score) == ("max_ap", 0.9)
    assert record.task["main_metric"] == "cosine_ap"  # so the table can say what is not there


def test_split_and_subsets_are_those_of_the_task(tmp_path: Path, registry: Registry) -> None:
    languages = [{"hf_subset": s, "main_score": v} for s, v in (("de", 0.9), ("en", 0.4))]
    splits = {s: [{"hf_subset": "default", "main_score": v}] for s, v in (("test", 1), ("dev", 0))}
    folder = write(tmp_path, newer("Many", {"test": languages}), newer("Dev", splits))
    scores = {r.signature.task: r.score for r, _ in read_mteb(folder, registry).records}
    assert scores == {"Many": 0.4, "Dev": 0.0}


def test_what_is_not_there_is_reported_not_guessed(tmp_path: Path, registry: Registry) -> None:
    german = [{"hf_subset": "de", "main_score": 0.9}]
    test = [{"hf_subset": "default", "main_score": 0.9}]
    folder = write(tmp_path, newer("Many", {"test": german}), newer("Dev", {"test": test}))
    found = read_mteb(folder, registry)
    assert found.records == ()
    assert found.left_out == (
        "abc/Dev.json: no split dev, only test",
        "abc/Many.json: no subset en in split test, only de",
    )


def test_unknown_tasks_and_means(tmp_path: Path, registry: Registry) -> None:
    rows = [
        {"hf_subset": s, "ndcg_at_10": v, "main_score": v} for s, v in (("a", 0.25), ("b", 0.5))
    ]
    merged = [{"hf_subset": "default", "ndcg_at_10": 0.5, "main_score": 0.5}]
    folder = write(tmp_path, newer("New", {"test": rows}), newer("Merged", {"test": merged}))
    found = read_mteb(folder, registry)
    by_task = {r.signature.task: r for r, _ in found.records}
    assert set(by_task) == {"mteb:New", "Merged"}
    assert found.unknown == ("New",)
    assert by_task["mteb:New"].score == 0.375
    assert by_task["mteb:New"].warnings == (
        "mean over all 2 subsets in the file; mteb does not know the task",
    )
    assert by_task["Merged"].task["category"] == "Retrieval"


def test_a_task_file_with_another_name_is_found_by_its_source(
    tmp_path: Path, registry: Registry
) -> None:
    rows = [{"hf_subset": "default", "cos_sim_spearman": 0.6, "main_score": 0.6}]
    record = one(write(tmp_path, newer("Sts", {"test": rows})), registry)
    assert record.signature.task == "my-sts"
    assert record.main_metric == "cosine_spearman"


def test_model_and_revision(tmp_path: Path, registry: Registry) -> None:
    content = newer("Pairs", {"test": [PAIRS]})
    folder = write(tmp_path, content, model="org__m/external")
    assert one(folder, registry).origin.revision is None  # type: ignore[union-attr]
    (stated,) = read_mteb(folder, registry, name="mine", revision="r1").records
    assert stated[0].checkpoint.fingerprint == digest(["imported", "mine", "r1"])
    meta = {"name": "other/model", "revision": "r2"}
    (folder / "external" / "model_meta.json").write_text(json.dumps(meta))
    (by_meta,) = read_mteb(folder / "external", registry, revision="r1").records
    assert by_meta[0].checkpoint.fingerprint == digest(["imported", "other/model", "r2"])
    write(tmp_path, content, model="org__n/abc")
    with pytest.raises(UsageError, match="--name fits one model, not model, n"):
        read_mteb(tmp_path, registry, name="x")


def test_of_two_files_about_one_task_neither_is_taken(tmp_path: Path, registry: Registry) -> None:
    content = newer("Pairs", {"test": [PAIRS]})
    folder = write(tmp_path, content, model="org__m/abc")
    write(tmp_path, content, model="org__m/external")
    assert len(read_mteb(folder, registry).records) == 2  # two rows
    found = read_mteb(folder, registry, revision="abc")
    assert found.records == ()
    (line,) = found.left_out
    assert line.startswith("2 files are about Pairs of m: Pairs.json of mteb 1.14.5")


def test_importing_twice_adds_nothing(tmp_path: Path, registry: Registry) -> None:
    content = newer("Pairs", {"test": [PAIRS]})
    folder = write(tmp_path / "in", content)
    store = Store(tmp_path / "results")
    assert put_new(store, read_mteb(folder, registry)) == Stored(new=1)
    assert put_new(store, read_mteb(folder, registry)) == Stored(known=1)
    assert len(store.records()) == 1


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "not valid JSON"),
        (b"[1, 2]", "does not hold a JSON object"),
        (b"\xff\xfe", "not valid JSON"),
        (b'{"a": ' * 100_000, "not valid JSON: nested too deeply"),
        (b'{"a": ' * 100 + b"1" + b"}" * 100, "nested too deeply"),
        (b'{"x": "\\ud800"}', "not valid JSON"),
        (
            b'{"name": "someone", "revision": "r"}',
            "not a result file of mteb: scores: Field required",
        ),
        (b'{"task_name": "Sts", "scores": {"test": 1}}', "not a result file of mteb: scores.test"),
        (
            b'{"task_name": "../x", "scores": {"test": [{"main_score": 1}]}}',
            "is not a valid task name",
        ),
        (b'{"task_name": "Dev", "scores": {"dev": [{"f": 1}]}}', "no score that mteb has"),
        (b'{"task_name": "GPUSpeedTask", "scores": {}}', "measures speed"),
        (b'{"task_name": "Sts", "scores": {"test": [{"main_score": 83.4}]}}', "not between -1 and"),
    ],
)
def test_a_bad_file_is_one_line_and_the_others_are_taken(
    tmp_path: Path, registry: Registry, content: bytes, says: str
) -> None:
    folder = tmp_path / "org__m"
    folder.mkdir()
    (folder / "A.json").write_text(json.dumps(newer("Pairs", {"test": [PAIRS]})))
    (folder / "B.json").write_bytes(content)
    found = read_mteb(folder, registry)
    assert [record.signature.task for record, _ in found.records] == ["Pairs"]
    (line,) = found.left_out
    assert says in line
    assert "\n" not in line
    assert len(line) < 400


def test_what_is_no_folder_of_results(tmp_path: Path, registry: Registry) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        read_mteb(tmp_path / "none", registry)
    with pytest.raises(DataError, match="no result file of mteb is in"):
        read_mteb(tmp_path, registry)
    os.mkfifo(tmp_path / "pipe.json")
    with (tmp_path / "huge.json").open("wb") as stream:
        stream.truncate(65 * 2**20)
    found = read_mteb(tmp_path, registry)
    assert found.records == ()
    huge, pipe = found.left_out
    assert "65 MiB" in huge
    assert "is not a file" in pipe
