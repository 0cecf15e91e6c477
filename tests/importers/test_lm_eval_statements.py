"""What lm-eval's files state of groups, settings, limits and scores that are no numbers."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest

from evalsuite.errors import DataError
from evalsuite.importers.lm_eval import read_lm_eval
from evalsuite.registry.load import Registry
from evalsuite.results.sampled import sampled
from evalsuite.schema import Record

STAMP = "2026-01-02T03-04-05.678901"
REGISTRY = Registry()
GROUPS = {"top": ["left", "right"], "left": ["a", "b"], "right": ["c"], "a": [], "b": [], "c": []}
SCORES = {"a": [1, 0], "b": [1, 1, 0], "c": [0, 1, 1, 1]}


def write(folder: Path, content: dict[str, Any]) -> Path:
    path = folder / f"results_{STAMP}.json"
    path.write_text(json.dumps(content))
    return path


def imported(folder: Path, **content: Any) -> Record:
    ((record, _),) = read_lm_eval(write(folder, content), REGISTRY).records
    return record


def sample(index: int, score: float, **more: Any) -> dict[str, Any]:
    return {
        "doc_id": index,
        "doc": {},
        "target": "x",
        "arguments": {"gen_args_0": {"arg_0": f"Q{index}", "arg_1": "x"}},
        "resps": [[["-0.6", "False"]], [["-0.4", "False"]]],
        "filtered_resps": [["-0.6", "False"], ["-0.4", "False"]],
        "filter": "none",
        "acc": score,
        **more,
    }


def write_samples(folder: Path, task: str, lines: list[dict[str, Any]], stamp: str = STAMP) -> None:
    text = "\n".join(map(json.dumps, lines))
    (folder / f"samples_{task}_{stamp}.jsonl").write_text(text)


def nested() -> dict[str, Any]:
    """Group → groups → tasks, weighted by size as lm-eval does."""
    mean = {name: sum(values) / len(values) for name, values in SCORES.items()}
    every = [value for values in SCORES.values() for value in values]
    results = {
        "top": {"acc,none": sum(every) / len(every), "alias": "top"},
        "left": {"acc,none": 3 / 5, "alias": " - left"},
        "right": {"acc,none": mean["c"], "alias": " - right"},
        **{name: {"acc,none": value} for name, value in mean.items()},
    }
    sizes = {name: {"effective": len(values)} for name, values in SCORES.items()}
    return {"results": results, "group_subtasks": GROUPS, "n-samples": sizes}


def test_groups_within_groups_keep_items_samples_and_metrics(tmp_path: Path) -> None:
    for name, values in SCORES.items():
        write_samples(tmp_path, name, [sample(i, float(v)) for i, v in enumerate(values)])
        write_samples(tmp_path, name, [sample(0, 0.0)], stamp="2026-01-01T00-00-00.000000")
    found = read_lm_eval(write(tmp_path, nested()), REGISTRY)
    ((record, rows),) = found.records
    assert record.signature.task == "lm_eval:top"
    assert (record.score, record.n, len(rows)) == (6 / 9, 9, 9)
    assert {name: record.metrics[f"{name}/acc"] for name in ("left", "right", "b")} == {
        "left": 0.6,
        "right": 0.75,
        "b": 2 / 3,
    }
    read = sampled(record, rows)
    assert read is not None  # the score follows from the samples, so that it can be paired
    assert len(read.ids) == 9


def test_sizes_are_known_without_samples_and_members(tmp_path: Path) -> None:
    entry = {"acc,none": 0.5, "sample_len": 24}
    alone = imported(tmp_path, results={"g": entry}, group_subtasks={"g": ["gone"]})
    assert alone.n == 24
    parts = {**nested(), "n-samples": {}}
    for name, values in SCORES.items():
        parts["results"][name]["sample_len"] = len(values)
    assert imported(tmp_path, **parts).n == 9


def test_a_group_that_contains_itself_ends(tmp_path: Path) -> None:
    results = {"g": {"acc,none": 0.5}, "h": {"acc,none": 0.5}}
    found = read_lm_eval(
        write(tmp_path, {"results": {"g": results["g"]}, "group_subtasks": {"g": ["h", "g"]}}),
        REGISTRY,
    )
    assert len(found.records) == 1
    circle = {"results": results, "group_subtasks": {"g": ["h"], "h": ["g"]}}
    with pytest.raises(DataError, match="holds no score"):
        read_lm_eval(write(tmp_path, circle), REGISTRY)


def test_packed_samples_and_an_output_path_of_ones_own(tmp_path: Path) -> None:
    path = write(tmp_path, {"results": {"a": {"acc,none": 0.5}}})
    path = path.rename(tmp_path / f"my_run_{STAMP}.json")
    packed = gzip.compress(b"\n".join(json.dumps(sample(i, i)).encode() for i in range(2)))
    (tmp_path / f"samples_a_{STAMP}.jsonl.gz").write_bytes(packed)
    ((record, rows),) = read_lm_eval(path, REGISTRY).records
    assert (record.n, len(rows)) == (2, 2)
    (tmp_path / f"samples_a_{STAMP}.jsonl.gz").write_bytes(packed[:-9])
    with pytest.raises(DataError, match="cannot be read"):
        read_lm_eval(path, REGISTRY)


def test_all_that_a_file_states_is_in_the_signature(tmp_path: Path) -> None:
    config = {"generation_kwargs": {"temperature": 0.0, "until": ["Q:"]}, "num_fewshot": 2}
    content = {
        "results": {"a": {"acc,none": 0.5}},
        "versions": {"a": 3.0},
        "task_hashes": {"a": "0123456789abcdef"},
        "configs": {"a": config},
        "n-shot": {"a": 2},
        "config": {
            "model": "vllm",
            "model_args": "pretrained=org/m,dtype=auto,max_model_len=2048,"
            "enable_prefix_caching=True",
            "model_dtype": "torch.bfloat16",
            "device": "cuda:0",
            "gen_kwargs": {"temperature": 1.0, "do_sample": True},
            "fewshot_seed": 7,
            "limit": 10.0,
        },
        "system_instruction": "You are terse.",
        "fewshot_as_multiturn": True,
        "chat_template": "{{ x }}",
    }
    stated = imported(tmp_path, **content).signature
    assert (stated.engine, stated.device, stated.dtype) == ("vllm", "cuda", "bfloat16")
    assert (stated.max_length, stated.prefix_caching, stated.seed) == (2048, True, 7)
    assert (stated.shots, stated.limit) == (2, 10)
    assert stated.chat_template == hashlib.sha256(b"{{ x }}").hexdigest()[:8]
    system = hashlib.sha256(b"You are terse.").hexdigest()[:8]
    assert stated.settings == (f"gen do_sample=true temperature=1, system {system}, multiturn yes")
    assert stated.definition is not None
    assert stated.definition.startswith(
        "version 3, hash 01234567, generation temperature=0, config"
    )
    # Anything that decides a prompt or a score makes another configuration; where it ran does not.
    other = {**config, "doc_to_text": "Q: {{ q }}"}
    moved = {**config, "metadata": {"pretrained": "org/n"}}
    assert imported(tmp_path, **{**content, "configs": {"a": other}}).signature != stated
    assert imported(tmp_path, **{**content, "configs": {"a": moved}}).signature == stated


def test_what_a_file_does_not_state_is_imported(tmp_path: Path) -> None:
    stated = imported(tmp_path, results={"a": {"acc,none": 0.5}}).signature
    assert (stated.engine, stated.device, stated.dtype) == ("imported",) * 3
    assert (stated.settings, stated.definition, stated.chat_template) == (None, None, None)
    assert (stated.limit, stated.shots) == (None, None)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_share_of_the_items_is_a_limit_of_its_own(tmp_path: Path, share: float) -> None:
    record = imported(tmp_path, results={"a": {"acc,none": 0.5}}, config={"limit": share})
    assert f"limit:{share}" in record.signature.short()
    assert Record.model_validate_json(record.model_dump_json()) == record


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_a_main_metric_that_is_no_number_has_failed(tmp_path: Path, value: float | None) -> None:
    results = {
        "a": {"exact_match,strict": value, "exact_match,loose": 0.5},
        "b": {"acc,none": value, "acc_norm,none": value},
        "c": {"acc,none": 0.5},
    }
    found = read_lm_eval(write(tmp_path, {"results": results}), REGISTRY)
    by_task = {record.signature.task: record for record, _ in found.records}
    assert {task: record.status for task, record in by_task.items()} == {
        "lm_eval:a": "failed",
        "lm_eval:b": "failed",
        "lm_eval:c": "scored",
    }
    assert "exact_match,strict" in (by_task["lm_eval:a"].reason or "")
    assert by_task["lm_eval:a"].metrics == {"exact_match,loose": 0.5}


@pytest.mark.parametrize(
    ("metric", "value", "unit"),
    [
        ("bits_per_byte,none", 0.93, "other"),
        ("bits_per_byte,none", 1.1, "other"),
        ("word_perplexity,none", 0.5, "other"),
        ("bleu_max,none", 0.4, "percent"),
        ("rougeL_max,none", 39.5, "percent"),
        ("acc,none", 1.0, "fraction"),
    ],
)
def test_a_unit_is_the_metrics_not_the_values(
    tmp_path: Path, metric: str, value: float, unit: str
) -> None:
    record = imported(tmp_path, results={"a": {metric: value}})
    assert (record.unit, record.percent) == (unit, unit == "fraction")


@pytest.mark.parametrize(("invalid", "suspect"), [(20, True), (19, True), (18, False)])
def test_answers_that_were_never_found_are_suspect(
    tmp_path: Path, invalid: int, *, suspect: bool
) -> None:
    lines = [
        sample(
            i,
            0.0,
            resps=[["I do not know"]],
            filtered_resps=["[invalid]" if i < invalid else "7"],
            filter="strict-match",
        )
        for i in range(20)
    ]
    write_samples(tmp_path, "a", lines)
    record = imported(tmp_path, results={"a": {"exact_match,strict-match": 0.0}})
    assert [one.code for one in record.suspicions] == (["nothing-parsed"] if suspect else [])


def test_nulls_say_nothing_and_end_nothing(tmp_path: Path) -> None:
    keys = ("n-samples", "n-shot", "versions", "configs", "task_hashes", "higher_is_better")
    content: dict[str, Any] = {key: {"a": None} for key in keys}
    content |= {"results": {"a": {"acc,none": 0.5, "acc_stderr,none": None}, "b": None}}
    content |= {"group_subtasks": {"a": None}, "lm_eval_version": None, "model_name": None}
    content |= {"config": {"model": None, "model_args": None, "limit": None, "gen_kwargs": None}}
    record = imported(tmp_path, **content)
    assert (record.score, record.n) == (0.5, None)
    assert imported(tmp_path, **dict.fromkeys(keys), results={"a": {"acc,none": 0.5}}).score


def test_files_of_lm_eval_0_3(tmp_path: Path) -> None:
    record = imported(
        tmp_path,
        results={"a": {"acc": 0.25, "acc_stderr": 0.01, "acc_norm": 0.5, "acc_norm_stderr": 0.02}},
        versions={"a": 0},
        config={
            "model": "hf-causal",
            "model_args": "pretrained=org/m",
            "num_fewshot": 5,
            "limit": None,
        },
    )
    assert (record.main_metric, record.score, record.stderr) == ("acc", 0.25, 0.01)
    assert (record.signature.engine, record.signature.shots) == ("hf-causal", 5)
    assert record.signature.definition == "version 0"


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, nested())
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match="is not valid JSON"):
        read_lm_eval(path, REGISTRY)
