"""Scores of mteb's result files are those that mteb itself reads from them."""

from __future__ import annotations

import hashlib
import json
import math
import random
from pathlib import Path
from typing import Any

import pytest

from evalsuite.importers.mteb import read_mteb
from evalsuite.kinds.mteb.facts import facts_of
from evalsuite.registry.load import Registry
from evalsuite.results.compare.pair import compare
from evalsuite.schema import Record

REGISTRY = Registry()
TASKS = (
    "STSB",  # validation and test
    "AFQMC",  # validation alone
    "LEMBPasskeyRetrieval",  # eight splits that are no test
    "MLQARetrieval",  # subsets in two splits
    "CUREv1",
    "OpusparcusPC",
    "XNLI",
    "SwednClusteringP2P",
    "WebLINXCandidatesReranking",
    "IndicCrosslingualSTS",
    "MassiveScenarioClassification",
    "BUCC.v2",
    "CQADupstackRetrieval",  # a mean over tasks
)


def rows(name: str, seed: int) -> dict[str, list[dict[str, Any]]]:
    """Scores of every part that mteb scores, and of a split that it does not."""
    import mteb

    task = mteb.get_task(name)
    draw = random.Random(seed)
    facts = facts_of(name)
    subsets = ("default",) if facts.members else facts.subsets
    languages = task.metadata.hf_subsets_to_langscripts
    found = {
        split: [
            {
                "hf_subset": subset,
                "languages": languages.get(subset, ["eng-Latn"]),
                "main_score": (value := draw.random()),
                facts.metric: value,
            }
            for subset in subsets
        ]
        for split in (*facts.splits, "not-scored")
    }
    draw.shuffle(found[facts.splits[0]])
    return found


def write(folder: Path, name: str, scores: dict[str, Any]) -> Path:
    place = folder / "org__m" / "rev"
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"{name}.json"
    content = {
        "task_name": name,
        "dataset_revision": "abc",
        "mteb_version": "2.1.0",
        "evaluation_time": 1.0,
        "kg_co2_emissions": None,
        "scores": scores,
    }
    path.write_text(json.dumps(content))
    return path


def one(folder: Path) -> Record:
    ((record, _),) = read_mteb(folder, REGISTRY).records
    return record


@pytest.mark.parametrize("name", TASKS)
def test_complete_files_give_mtebs_score(tmp_path: Path, name: str) -> None:
    import mteb
    from mteb.results import TaskResult

    path = write(tmp_path, name, rows(name, len(name)))
    record = one(tmp_path)
    task = mteb.get_task(name)
    expected = TaskResult.from_disk(path).validate_and_filter_scores(task).get_score()
    assert record.score == pytest.approx(expected, abs=1e-12)
    assert record.main_metric == task.metadata.main_score
    assert not any("incomplete" in warning for warning in record.warnings)


@pytest.mark.parametrize("name", ["MLQARetrieval", "XNLI", "STSB", "LEMBPasskeyRetrieval"])
def test_where_mteb_finds_a_part_missing_the_score_is_marked(tmp_path: Path, name: str) -> None:
    import mteb
    from mteb.results import TaskResult

    scores = rows(name, 1)
    facts = facts_of(name)
    first = facts.splits[0]
    if len(scores[first]) > 1:
        scores[first].pop()
    else:
        del scores[first]
    path = write(tmp_path, name, scores)
    filtered = TaskResult.from_disk(path).validate_and_filter_scores(mteb.get_task(name))
    assert math.isnan(filtered.get_score())
    record = one(tmp_path)
    known = [row["main_score"] for split in facts.splits for row in scores.get(split, ())]
    assert record.score == pytest.approx(sum(known) / len(known))
    of = len(facts.splits) * len(facts.subsets)
    assert record.details["parts"] == {"scored": len(known), "of": of}
    (warning,) = record.warnings
    assert warning.startswith("incomplete: ")
    assert f"{len(known)} of {of} parts" in warning
    assert record.signature.subsets or record.signature.splits != "+".join(facts.splits)


def test_scores_over_different_subsets_say_so_when_compared(tmp_path: Path) -> None:
    def part(folder: Path, **values: float) -> Record:
        found = [{"hf_subset": key, "main_score": value} for key, value in values.items()]
        write(folder, "SIB200Classification", {"test": found})
        return one(folder)

    english = part(tmp_path / "a", eng_Latn=0.9)
    three = part(tmp_path / "b", eng_Latn=0.9, deu_Latn=0.4, fra_Latn=0.5)
    assert (english.score, three.score) == (0.9, pytest.approx(0.6))
    assert three.warnings[0].endswith("(3 of 591 parts)")  # 197 languages in three splits
    said = compare(english, three, (None, None)).settings
    assert said == "subsets 1 of 197: eng_Latn / 3 of 197: deu_Latn, eng_Latn, fra_Latn"


def test_a_score_that_is_no_number_has_failed_only_where_it_counts(tmp_path: Path) -> None:
    bad = {"hf_subset": "default", "languages": ["cmn-Hans"], "main_score": math.nan}
    good = {**bad, "main_score": 0.36, "cosine_spearman": 0.36}
    write(tmp_path / "a", "AFQMC", {"test": [bad], "validation": [good]})
    assert one(tmp_path / "a").score == 0.36
    write(tmp_path / "b", "AFQMC", {"test": [good], "validation": [bad]})
    failed = one(tmp_path / "b")
    assert (failed.status, failed.score) == ("failed", None)
    assert "cosine_spearman" in (failed.reason or "")


def test_a_subset_that_stands_twice_is_refused_where_it_counts(tmp_path: Path) -> None:
    row = {"hf_subset": "default", "main_score": 0.4}
    write(tmp_path / "a", "AFQMC", {"validation": [row, {**row, "main_score": 0.9}]})
    found = read_mteb(tmp_path / "a", REGISTRY)
    assert found.records == ()
    assert "subset default stands twice in split validation" in found.left_out[0]
    write(tmp_path / "b", "AFQMC", {"validation": [row], "test": [row, row]})
    assert one(tmp_path / "b").score == 0.4


def test_a_file_without_any_part_that_mteb_scores_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "SIB200Classification", {"test": [{"hf_subset": "xx", "main_score": 0.9}]})
    found = read_mteb(tmp_path, REGISTRY)
    assert found.records == ()
    assert "no subset" in found.left_out[0]
    assert "only xx" in found.left_out[0]


def test_renamed_tasks_and_subsets_of_older_files(tmp_path: Path) -> None:
    from mteb.results import TaskResult

    place = tmp_path / "org__m"
    place.mkdir()
    old = {"mteb_version": "1.1.2.dev0", "dataset_revision": "x"}
    for name, test in (
        ("PPC", {"max": {"ap": 0.7}, "cos_sim": {"ap": 0.6}}),
        ("XPQARetrieval", {"fr": {"ndcg_at_10": 0.3}}),
        ("MLSUMClusteringP2P", {"v_measure": 0.2}),
    ):
        content = {**old, "mteb_dataset_name": name, "test": test}
        (place / f"{name}.json").write_text(json.dumps(content))
    for record, _ in read_mteb(tmp_path, REGISTRY).records:
        assert record.origin is not None
        assert record.score is not None
        read = TaskResult.from_disk(place / record.origin.file)
        scored = read.scores["test"][0]
        assert record.signature.task == f"mteb:{read.task_name}"
        assert record.score == scored["main_score"]


def test_clustering_scores_say_that_they_are_from_before_scikit_learn_1_9(tmp_path: Path) -> None:
    row = [{"hf_subset": "default", "main_score": 0.5}]
    write(tmp_path, "TwentyNewsgroupsClustering", {"test": row})
    assert "before scikit-learn 1.9" in one(tmp_path).warnings[0]


@pytest.mark.realdata
def test_published_result_files_give_mtebs_scores(shared_data: Path) -> None:
    """Files of mteb 1.0 to 2; without task files, so that each is all that mteb scores."""
    import mteb
    from mteb.results import TaskResult

    folder = shared_data / "mteb-results"
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): path for path in folder.rglob("*.json")}
    found = read_mteb(folder, REGISTRY)
    assert found.left_out == ()
    complete = 0
    for record, _ in found.records:
        assert record.origin is not None
        read = TaskResult.from_disk(files[record.origin.sha256])
        expected = read.validate_and_filter_scores(mteb.get_task(read.task_name)).get_score()
        if any("incomplete" in warning for warning in record.warnings):
            assert math.isnan(expected)
        else:
            assert record.score == pytest.approx(expected, abs=1e-9)
            complete += 1
    assert complete > 0
