"""Who was evaluated: all that a result file states about the model, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from evalsuite.importers.lm_eval import read_lm_eval
from evalsuite.importers.lm_eval_model import arguments
from evalsuite.importers.mteb import read_mteb
from evalsuite.registry.load import Registry
from evalsuite.results.rows import plan_rows
from evalsuite.schema import CheckpointRef, Record

REGISTRY = Registry()
NO_SHA: dict[str, Any] = {"model_sha": "", "model_revision": "main"}


def record(folder: Path, model_args: object, **config: Any) -> Record:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "results_1.json"
    stated = {"model": "hf", "model_args": model_args, **config}
    path.write_text(json.dumps({"results": {"arc": {"acc,none": 0.5}}, "config": stated}))
    ((found, _),) = read_lm_eval(path, REGISTRY).records
    return found


def checkpoint(folder: Path, model_args: object, **config: Any) -> CheckpointRef:
    return record(folder, model_args, **config).checkpoint


def mteb_file(folder: Path, meta: dict[str, Any] | None = None) -> None:
    folder.mkdir(parents=True)
    rows = [{"hf_subset": "default", "languages": ["eng-Latn"], "main_score": 0.5}]
    content = {"task_name": "STSBenchmark", "scores": {"test": rows}}
    (folder / "STSBenchmark.json").write_text(json.dumps(content))
    if meta is not None:
        (folder / "model_meta.json").write_text(json.dumps(meta))


def test_as_many_rows_as_models_with_names_that_say_which(tmp_path: Path) -> None:
    stated = [
        "pretrained=org/toy",
        "pretrained=org/toy,peft=/runs/lora-a",
        "pretrained=org/toy,delta=org/delta",
        {"pretrained": "org/toy", "load_in_4bit": True},
        "pretrained=org/toy,enable_thinking=False",
        'pretrained=org/toy,rope_scaling={"rope_type":"yarn","factor":4.0}',
        "pretrained=/runs/exp1/checkpoint-500",
        "pretrained=/runs/exp2/checkpoint-500",
        "pretrained=./lora-a,dtype=float16",
    ]
    found = [record(tmp_path, args, **NO_SHA) for args in stated]
    assert {row.name for row in plan_rows(found)} == {
        "toy",
        "toy (peft=lora-a)",
        "toy (delta=org/delta)",
        "toy (load_in_4bit)",
        "toy (enable_thinking=false)",
        'toy (rope_scaling={"rope_type":"yarn","factor":4.0})',
        "exp1-checkpoint-500",
        "exp2-checkpoint-500",
        "lora-a",
    }
    assert found[1].checkpoint.source == "org/toy (peft=/runs/lora-a)"
    assert found[6].checkpoint.source == "/runs/exp1/checkpoint-500"


def test_models_of_one_name_get_a_label_of_their_own(tmp_path: Path) -> None:
    found = [record(tmp_path, f"pretrained=/runs/{part}/final") for part in "ab"]
    assert [one.checkpoint.name for one in found] == ["final", "final"]
    names = [row.name for row in plan_rows(found)]
    assert len(set(names)) == 2


@pytest.mark.parametrize(
    "same",
    [
        "dtype=auto,pretrained=org/toy",
        "pretrained=org/toy,device=cuda:1,batch_size=8,parallelize=True,trust_remote_code=True",
        "pretrained=org/toy,tensor_parallel_size=2,gpu_memory_utilization=0.8,max_model_len=4096",
        "pretrained=org/toy,peft=None,load_in_8bit=False,token=hf_secret",
        '{"pretrained": "org/toy", "dtype": "float16"}',
        {"pretrained": "org/toy", "delta": None},
    ],
)
def test_how_it_was_run_makes_no_other_model(tmp_path: Path, same: object) -> None:
    assert checkpoint(tmp_path, same) == checkpoint(tmp_path, "pretrained=org/toy")


def test_a_commit_says_more_than_a_revision(tmp_path: Path) -> None:
    args = "pretrained=org/toy"
    first = record(tmp_path, args, model_sha="a" * 40, model_revision="main")
    second = record(tmp_path, args, model_sha="b" * 40, model_revision="main")
    assert first.checkpoint.fingerprint != second.checkpoint.fingerprint
    assert first.origin is not None
    assert first.origin.revision == "a" * 40
    by_argument = record(tmp_path, f"{args},revision=step10")
    assert by_argument.origin is not None
    assert by_argument.origin.revision == "step10"
    adapters = [checkpoint(tmp_path, f"{args},peft=org/x", peft_sha=sha * 40) for sha in "cd"]
    assert adapters[0] != adapters[1]


def test_a_folder_of_the_hubs_cache_is_the_hubs_model(tmp_path: Path) -> None:
    cached = f"/root/.cache/huggingface/hub/models--org--toy/snapshots/{'a' * 40}"
    by_path = checkpoint(tmp_path, f"pretrained={cached}")
    assert by_path == checkpoint(tmp_path, "pretrained=org/toy", model_sha="a" * 40)


@pytest.mark.parametrize("args", ["", {}, None, "dtype=auto"])
def test_without_a_name_the_folder_names_the_model(tmp_path: Path, args: object) -> None:
    assert checkpoint(tmp_path / "one", args).name == "one"


def test_arguments_are_read_as_lm_eval_reads_them() -> None:
    text = 'a=1,b=-2.5,c=True,d=none,e="x,y",f={"g": [1, 2]},h=1e-3,i=x=y,j,k=[1,2]'
    assert arguments(text) == {
        "a": 1,
        "b": -2.5,
        "c": True,
        "e": "x,y",
        "f": {"g": [1, 2]},
        "h": 0.001,
        "i": "x=y",
        "k": [1, 2],
    }


def test_a_name_that_is_given_tells_apart_alone(tmp_path: Path) -> None:
    path = tmp_path / "results_1.json"
    content = {
        "results": {"arc": {"acc,none": 0.5}},
        "config": {"model_args": "pretrained=org/toy,peft=a"},
    }
    path.write_text(json.dumps(content))
    ((found, _),) = read_lm_eval(path, REGISTRY, name="mine").records
    assert (found.checkpoint.name, found.checkpoint.source) == ("mine", "mine")


def test_mteb_files_that_name_no_model_are_told_apart_by_their_folder(tmp_path: Path) -> None:
    unnamed = Path("no_model_name__available") / "no_revision_available"
    meta = {"name": "no_model_name/available", "revision": "no_revision_available"}
    for place in ("mine", "yours"):
        mteb_file(tmp_path / place / unnamed, meta)
    mteb_file(tmp_path / "a" / "results")
    mteb_file(tmp_path / "b" / "results")
    found = [
        record
        for place in ("mine", "yours", "a/results", "b/results")
        for record, _ in read_mteb(tmp_path / place, REGISTRY).records
    ]
    assert [one.checkpoint.name for one in found] == ["mine", "yours", "results", "results"]
    assert len({one.checkpoint.fingerprint for one in found}) == 4
    whole = read_mteb(tmp_path / "mine" / unnamed, REGISTRY).records
    assert whole[0][0].checkpoint == found[0].checkpoint


@pytest.mark.parametrize("place", ["", "org__toy", "org__toy/rev1"])
def test_experiments_are_models_of_their_own(tmp_path: Path, place: str) -> None:
    revision = tmp_path / "org__toy" / "rev1"
    mteb_file(revision, {"name": "org/toy", "revision": "rev1"})
    mteb_file(revision / "experiments" / "dim_64", {"name": "org/toy", "revision": "rev1"})
    found = read_mteb(tmp_path / place, REGISTRY)
    names = [record.checkpoint.name for record, _ in found.records]
    assert sorted(names) == ["toy", "toy (experiment=dim_64)"]
    assert found.left_out == ()
    alone = read_mteb(revision / "experiments" / "dim_64", REGISTRY).records
    assert alone[0][0].checkpoint.name == "toy (experiment=dim_64)"
