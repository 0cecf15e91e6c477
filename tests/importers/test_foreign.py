"""Result files of inspect, lighteval, AlpacaEval, Every Eval Ever, HELM and evalplus."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalsuite.errors import DataError
from evalsuite.importers.alpaca_eval import read_alpaca_eval
from evalsuite.importers.eee import read_eee
from evalsuite.importers.evalplus import read_evalplus
from evalsuite.importers.helm import read_helm
from evalsuite.importers.inspect import read_inspect
from evalsuite.importers.lighteval import read_lighteval
from evalsuite.importers.records import ImportedScores
from evalsuite.schema import Record

Reader = Callable[..., ImportedScores]


def only(found: ImportedScores) -> tuple[Record, tuple[dict[str, Any], ...]]:
    ((record, samples),) = found.records
    return record, samples


def put(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


# lighteval


def test_details_of_lighteval_with_their_results(tmp_path: Path) -> None:
    time = "2026-01-02T03-04-05.678"
    details = (
        tmp_path / "details" / "org" / "m" / time / f"details_lighteval|gsm8k|5_{time}.parquet"
    )
    details.parent.mkdir(parents=True)
    rows = [
        {
            "doc": {"id": str(n), "query": f"Q{n}", "choices": ["four", "five"], "gold_index": [1]},
            "model_response": {
                "input": f"asked {n}",
                "text": ["It is 5"],
                "text_post_processed": None,
            },
            "metric": {"em": float(n)},
        }
        for n in range(2)
    ]
    pq.write_table(pa.Table.from_pylist(rows), details)
    alone, samples = only(read_lighteval(details))
    assert (alone.score, alone.main_metric, alone.checkpoint.source) == (0.5, "em", "org/m")
    assert alone.signature.task == "lighteval:gsm8k|5"
    assert alone.signature.shots == 5
    assert [(s["prompt"], s["target"], s["response"]) for s in samples] == [
        ("asked 0", "five", "It is 5"),
        ("asked 1", "five", "It is 5"),
    ]
    general = {"model_config": {"model_name": "org/named", "revision": "abc"}}
    scores = {"lighteval|gsm8k|5": {"em": 0.5, "em_stderr": 0.25}}
    put(
        tmp_path / "results" / "org" / "m" / f"results_{time}.json",
        {"config_general": general, "results": scores},
    )
    record, _ = only(read_lighteval(tmp_path))
    assert (record.score, record.stderr, record.estimator) == (0.5, 0.25, "mean")
    assert record.checkpoint.source == "org/named"
    assert record.origin is not None
    assert record.origin.revision == "abc"


def test_details_of_older_lighteval(tmp_path: Path) -> None:
    path = tmp_path / "details_arc_2024-01-01.parquet"
    rows = [{"full_prompt": "Q", "gold": ["a"], "predictions": ["b"], "metrics": {"acc": 0.25}}]
    pq.write_table(pa.Table.from_pylist(rows), path)
    record, (sample,) = only(read_lighteval(path))
    assert (record.score, record.main_metric) == (0.25, "acc")
    assert (sample["prompt"], sample["target"], sample["response"]) == ("Q", "a", "b")


# AlpacaEval


def test_annotations_are_win_rates_with_samples(tmp_path: Path) -> None:
    entries = [
        {
            "instruction": f"Do {n}",
            "generator_1": "ref",
            "generator_2": "mine",
            "annotator": "judge",
            "output_1": "r",
            "output_2": "m",
            "preference": preference,
        }
        for n, preference in enumerate([2, 1, 1.5, 1.25, None, 0])
    ]
    record, samples = only(read_alpaca_eval(put(tmp_path / "annotations.json", entries)))
    assert [sample["score"] for sample in samples] == [1, 0, 0.5, 0.25, 0.5]
    assert record.score == pytest.approx(0.45)
    assert record.signature.task == "alpaca-eval:judge against ref"
    assert record.warnings == ("1 comparisons without a preference",)
    other = [entry | {"generator_2": "other"} for entry in reversed(entries)]
    found = read_alpaca_eval(put(tmp_path / "both.json", entries + other))
    (_, mine), (_, theirs) = found.records
    assert {s["sample"]: s["score"] for s in mine} == {s["sample"]: s["score"] for s in theirs}
    with pytest.raises(DataError, match="fits one model"):
        read_alpaca_eval(tmp_path / "both.json", name="x")


def test_a_leaderboard_is_a_row_a_model(tmp_path: Path) -> None:
    path = tmp_path / "judge_leaderboard.csv"
    path.write_text(
        ",win_rate,standard_error,n_total,mode,length_controlled_winrate\n"
        "a,50.0,1.5,805.0,minimal,40.0\nb,12.5,0.5,805,community,\n"
    )
    records = [record for record, _ in read_alpaca_eval(path).records]
    assert [(r.checkpoint.name, r.score, r.stderr, r.n) for r in records] == [
        ("a", 0.5, 0.015, 805),
        ("b", 0.125, 0.005, 805),
    ]
    assert records[0].metrics == {"win_rate": 0.5, "length_controlled_winrate": 0.4}
    assert records[1].metrics == {"win_rate": 0.125}


# Every Eval Ever


def eee(**more: Any) -> dict[str, Any]:
    return {
        "schema_version": "0.3.0",
        "evaluation_id": "e",
        "eval_library": {"name": "their-tool", "version": "1.2"},
        "model_info": {"name": "M", "id": "org/m", "additional_details": {}},
        "evaluation_results": [
            {
                "evaluation_name": "quiz",
                "evaluation_result_id": "quiz/acc",
                "source_data": {"dataset_name": "quiz", "source_type": "other"},
                "metric_config": {
                    "metric_id": "accuracy",
                    "lower_is_better": False,
                    "min_score": 0,
                    "max_score": 100,
                },
                "score_details": {
                    "score": 50.0,
                    "uncertainty": {"standard_error": {"value": 25.0}, "num_samples": 2},
                },
            }
        ],
        "detailed_evaluation_results": {
            "format": "jsonl",
            "file_path": "data/a/b/c/x_samples.jsonl",
        },
    } | more


def instances(path: Path, evaluation: str = "e") -> None:
    lines = [
        {
            "evaluation_id": evaluation,
            "evaluation_result_id": "quiz/acc",
            "sample_id": f"s{n}",
            "input": {"raw": f"Q{n}", "reference": ["A"]},
            "output": {"raw": ["an A"]},
            "answer_attribution": [{"extracted_value": "A"}],
            "evaluation": {"score": 100.0 * n, "is_correct": bool(n)},
        }
        for n in range(2)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_scores_of_other_writers_with_their_instances(tmp_path: Path) -> None:
    path = put(tmp_path / "x.json", eee())
    instances(tmp_path / "x_samples.jsonl")
    record, samples = only(read_eee(path))
    assert (record.score, record.stderr, record.n) == (0.5, 0.25, 2)
    assert (record.direction, record.unit, record.estimator) == ("higher", "fraction", "mean")
    assert record.origin is not None
    assert record.origin.harness == "their-tool 1.2"
    assert [(s["sample"], s["score"], s["extracted"]) for s in samples] == [
        ("s0", 0.0, "A"),
        ("s1", 1.0, "A"),
    ]


def test_another_schema_and_other_samples_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"version 1\.0\.0 of the schema"):
        read_eee(put(tmp_path / "x.json", eee(schema_version="1.0.0")))
    put(tmp_path / "x.json", eee())
    instances(tmp_path / "x_samples.jsonl", "another")
    with pytest.raises(DataError, match=r"x_samples\.jsonl:1 belongs to another evaluation"):
        read_eee(tmp_path / "x.json")


# HELM


def helm(folder: Path, **names: Any) -> Path:
    put(
        folder / "run_spec.json",
        {
            "name": "mmlu:subject=law,model=org_m",
            "adapter_spec": {"model": "org/m", "max_train_instances": 5},
        },
    )
    stats = [
        {
            "instance_id": f"id{n}",
            "train_trial_index": 0,
            "stats": [
                {"name": {"name": "num_bytes", "split": "test"}, "count": 1, "sum": 9.0},
                {"name": {"name": "exact_match", "split": "test"}, "count": 2, "sum": 1.0 * n},
            ],
        }
        | names
        for n in range(3)
    ]
    disturbed = [entry | {"perturbation": {"name": "typos"}} for entry in stats]
    put(folder / "per_instance_stats.json", stats + disturbed)
    state = {
        "instance": {
            "id": "id1",
            "references": [{"output": {"text": "right"}, "tags": ["correct"]}],
        },
        "request": {"prompt": "asked"},
        "result": {"completions": [{"text": "said"}]},
    }
    put(folder / "scenario_state.json", {"request_states": [state]})
    return folder


def test_instances_of_helm(tmp_path: Path) -> None:
    helm(tmp_path / "runs" / "one")
    record, samples = only(read_helm(tmp_path))
    assert (record.score, record.main_metric, record.n) == (0.5, "exact_match", 3)
    assert (record.signature.task, record.signature.shots) == ("helm:mmlu (subject=law)", 5)
    assert [(s["sample"], s["score"]) for s in samples] == [("id0", 0), ("id1", 0.5), ("id2", 1)]
    assert (samples[1]["prompt"], samples[1]["target"]) == ("asked", "right")


# evalplus


def test_both_scores_of_evalplus(tmp_path: Path) -> None:
    programs = {
        "HumanEval/0": [
            {"solution": "a", "base_status": "pass", "plus_status": "fail"},
            {"solution": "b", "base_status": "pass", "plus_status": "pass"},
        ],
        "HumanEval/1": [{"solution": "c", "base_status": "timeout", "plus_status": "pass"}],
    }
    path = tmp_path / "org--m_vllm_temp_0.0_eval_results.json"
    found = read_evalplus(put(path, {"eval": programs, "hash": "x"}))
    assert {r.signature.task: r.score for r, _ in found.records} == {
        "evalplus:humaneval": 0.5,
        "evalplus:humaneval+": 0.25,
    }
    record, samples = found.records[1]
    assert record.checkpoint.source == "org/m_vllm_temp_0.0"
    assert [sample["score"] for sample in samples] == [0.5, 0.0]


# Bad files of all


def write_all(folder: Path, content: bytes) -> dict[str, Path]:
    helm_folder = folder / "run"
    put(helm_folder / "run_spec.json", {"name": "a", "adapter_spec": {"model": "m"}})
    files = {
        "inspect": folder / "a.eval",
        "lighteval": folder / "details_a_b.parquet",
        "alpaca": folder / "annotations.json",
        "board": folder / "leaderboard.csv",
        "eee": folder / "a.json",
        "helm": helm_folder / "per_instance_stats.json",
        "evalplus": folder / "a_eval_results.json",
    }
    for path in files.values():
        path.write_bytes(content)
    return files | {"helm": helm_folder}


READERS: dict[str, Reader] = {
    "inspect": read_inspect,
    "lighteval": read_lighteval,
    "alpaca": read_alpaca_eval,
    "board": read_alpaca_eval,
    "eee": read_eee,
    "helm": read_helm,
    "evalplus": read_evalplus,
}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"[3]",
        b'[{"stats": 3}]',
        b'{"eval": {"a": [3]}}',
        b'{"eval": {}}',
        b"\xff\x00PK\x03\x04",
        b"[" * 50_000,
        b'{"a":' * 50_000,
        b'{"schema_version": "0.3.0", "evaluation_results": [3]}',
        b'[{"generator_2": "m", "preference": 7}]',
    ],
)
@pytest.mark.parametrize("name", READERS)
def test_bad_files_are_one_line(name: str, content: bytes, tmp_path: Path) -> None:
    path = write_all(tmp_path, content)[name]
    with pytest.raises(DataError) as caught:
        READERS[name](path)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", READERS)
def test_what_is_not_there_is_one_line(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        READERS[name](tmp_path / "none")
