"""Result files of lm-eval as records; the sample files have the form of lm-eval 0.4.13."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from evalsuite.errors import EvalsuiteError
from evalsuite.importers.lm_eval import read_lm_eval
from evalsuite.kinds.table import make_task
from evalsuite.registry.load import Registry
from evalsuite.schema import Record

STAMP = "2026-01-02T03-04-05.678901"


@pytest.fixture(scope="module")
def registry() -> Registry:
    """One task that shows another metric than lm-eval's first."""
    found = Registry()
    task = make_task(name="MATH", kind="lm_eval", source="maths", main_metric="exact_match,get")
    found.tasks[task.name] = task
    return found


def results() -> dict[str, Any]:
    return {
        "results": {
            "maths": {
                "alias": "maths",
                "exact_match,none": 0.25,
                "exact_match,get": 0.5,
                "exact_match_stderr,get": 0.25,
            },
            "know": {"acc,none": 0.6, "acc_stderr,none": "N/A"},
            "know_a": {"acc,none": 0.5, "acc_stderr,none": 0.1},
            "know_b": {"acc,none": 0.7},
            "tag": {"alias": "tag"},
        },
        "groups": {"know": {"acc,none": 0.6}},
        "group_subtasks": {"know": ["know_a", "know_b"], "tag": ["maths"]},
        "n-shot": {"maths": 8, "know_a": 0, "know_b": 0},
        "n-samples": {
            "maths": {"original": 9, "effective": 4},
            "know_a": {"original": 10, "effective": 10},
            "know_b": {"original": 20, "effective": 20},
        },
        "config": {"model": "hf", "model_args": "pretrained=org/m,dtype=auto", "limit": 4.0},
        "lm_eval_version": "0.4.8",
        "chat_template": None,
        "chat_template_sha": None,
    }


def write(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / f"results_{STAMP}.json"
    path.write_text(json.dumps(content))
    return path


def by_task(path: Path, registry: Registry) -> dict[str, tuple[Record, tuple[dict[str, Any], ...]]]:
    return {r.signature.task: (r, rows) for r, rows in read_lm_eval(path, registry).records}


def test_tasks_and_groups(tmp_path: Path, registry: Registry) -> None:
    found = by_task(write(tmp_path, results()), registry)
    # The parts of a scored group count through it; a tag has no score and hides nothing.
    assert set(found) == {"MATH", "lm_eval:know"}
    maths, know = found["MATH"][0], found["lm_eval:know"][0]
    assert (maths.main_metric, maths.score, maths.stderr, maths.n) == (
        "exact_match,get",
        0.5,
        0.25,
        4,
    )
    assert maths.metrics == {"exact_match": 0.25, "exact_match,get": 0.5}
    assert (know.main_metric, know.score, know.stderr, know.n) == ("acc", 0.6, None, 30)
    assert know.metrics == {"acc": 0.6, "know_a/acc": 0.5, "know_b/acc": 0.7}
    signature = maths.signature
    assert (signature.harness, signature.engine, signature.shots) == ("lm-eval 0.4.8", "hf", 8)
    assert (signature.limit, signature.chat_template) == (4, "none")
    assert maths.checkpoint.source == "org/m"
    assert maths.origin is not None
    assert maths.origin.format == "lm-eval"


def test_samples_beside_it(tmp_path: Path, registry: Registry) -> None:
    path = write(tmp_path, results())
    lines = [
        {
            "doc_id": index,
            "target": "7",
            "arguments": {"gen_args_0": {"arg_0": "What is it?", "arg_1": {"until": []}}},
            "resps": [[response]],
            "filtered_resps": [found],
            "filter": name,
            "exact_match": score,
        }
        for name in ("none", "get")
        for index, (response, found, score) in enumerate(
            [("It is 7", "7", 1.0), ("no idea", "[invalid]", 0.0), ("8", "8", 0.0), ("", "", 0.0)]
        )
    ]
    samples = tmp_path / f"samples_maths_{STAMP}.jsonl"
    samples.write_text("\n".join(map(json.dumps, lines)))
    record, rows = by_task(path, registry)["MATH"]
    assert [row["sample"] for row in rows] == [f"maths/{index}" for index in range(4)]
    assert [row["parsed"] for row in rows] == [True, False, True, False]
    assert rows[0] == {
        "sample": "maths/0",
        "group": "",
        "score": 1.0,
        "prompt": "What is it?",
        "target": "7",
        "response": "It is 7",
        "extracted": "7",
        "parsed": True,
    }
    assert record.metrics["unparsed"] == 0.5
    samples.write_text('{"doc_id": 1}\n{broken')
    found = read_lm_eval(path, registry)
    assert [record.signature.task for record, _ in found.records] == ["lm_eval:know"]
    (line,) = found.left_out
    assert ":2 is not valid JSON" in line


def test_samples_of_multiple_choice_have_no_answer_to_find(
    tmp_path: Path, registry: Registry
) -> None:
    path = write(tmp_path, results())
    pair = [["-0.6", "False"], ["-0.4", "False"]]
    line = {"doc_id": 0, "resps": [[p] for p in pair], "filtered_resps": pair, "acc": 1.0}
    (tmp_path / f"samples_know_a_{STAMP}.jsonl").write_text(json.dumps(line))
    record, (row,) = by_task(path, registry)["lm_eval:know"]
    assert (row["sample"], row["score"], row["parsed"]) == ("know_a/0", 1.0, True)
    assert "unparsed" not in record.metrics


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"results": None}, "not a result file of lm-eval: results"),
        ({"results": {}}, "not a result file of lm-eval: results"),
        ({"results": {"x": {"alias": "x"}}}, "holds no score"),
        ({"results": {"../x": {"acc,none": 1}}}, "is not a valid task name"),
        ({"results": {"maths": {"acc,none": 0.5}}}, "has no metric 'exact_match,get'"),
        ({"n-shot": {"maths": {"a": 1}}}, "not a result file of lm-eval: n-shot.maths"),
        ({"results": {"maths": 3}}, "not a result file of lm-eval: results.maths"),
    ],
)
def test_bad_files(tmp_path: Path, registry: Registry, change: dict[str, Any], says: str) -> None:
    path = write(tmp_path, {**results(), **change})
    with pytest.raises(EvalsuiteError) as caught:
        read_lm_eval(path, registry)
    assert says in caught.value.line
    assert "\n" not in caught.value.line


def test_a_key_twice_among_many_is_found_at_once(tmp_path: Path, registry: Registry) -> None:
    path = tmp_path / "results_1.json"
    many = "".join(f'"t{n}": 1, ' for n in range(300_000))
    path.write_text('{"results": {' + many + '"a": 1, "a": 2}}')
    started = time.monotonic()
    with pytest.raises(EvalsuiteError, match="the key 'a' appears twice"):
        read_lm_eval(path, registry)
    assert time.monotonic() - started < 20
