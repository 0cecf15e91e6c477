"""Which folders are checkpoints of a training, and of which step."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from evalsuite.watch.discovery import find
from evalsuite.watch.files import why_incomplete
from helpers.training import safetensors, write_checkpoint, write_json


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("checkpoint-500", 500),  # transformers, trl, axolotl
        ("global_step500", 500),  # DeepSpeed
        ("global_step_500", 500),  # verl
        ("global_step500_hf", 500),  # OpenRLHF
        ("step-500", 500),  # torchtitan
        ("step_500", 500),  # open-instruct, accelerate
        ("epoch_2", 2),  # open-instruct
        ("sft-step-500", 500),
    ],
)
def test_the_names_of_trainers(name: str, step: int, tmp_path: Path) -> None:
    write_checkpoint(tmp_path, step, name=name, state=False)
    assert [(one.path.name, one.step) for one in find(tmp_path)] == [(name, step)]


def test_the_trainers_state_goes_before_the_name(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 30, name="checkpoint-7")
    write_checkpoint(tmp_path, 20, name="best")
    assert [(one.path.name, one.step) for one in find(tmp_path)] == [
        ("best", 20),
        ("checkpoint-7", 30),
    ]


def test_steps_are_numbers_not_texts(tmp_path: Path) -> None:
    for step in (1000, 200, 30):
        write_checkpoint(tmp_path, step, state=False)
    assert [one.step for one in find(tmp_path)] == [30, 200, 1000]


def test_what_is_no_checkpoint(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 5, name="tmp-checkpoint-5")
    write_checkpoint(tmp_path, 5, name=".checkpoint-5")
    kept = write_checkpoint(tmp_path, 6)
    (tmp_path / "checkpoint-latest").symlink_to(kept)
    (tmp_path / "step-7").symlink_to(kept)
    (tmp_path / "runs").mkdir()
    (tmp_path / "step_9").write_text("a file")
    assert [one.path for one in find(tmp_path)] == [kept]
    assert find(tmp_path / "not there") == []


def test_torchtitan_keeps_them_one_level_deeper(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "checkpoint", 10, name="step-10", state=False)
    (found,) = find(tmp_path)
    assert (found.step, found.name) == (10, "checkpoint-step-10")


@pytest.mark.parametrize("inside", ["hf", "actor/huggingface"])
def test_an_export_inside_a_checkpoint(inside: str, tmp_path: Path) -> None:
    made = write_checkpoint(tmp_path, 10, name="x", state=False)
    target = tmp_path / "global_step_10" / inside
    target.parent.mkdir(parents=True)
    made.rename(target)
    (found,) = find(tmp_path)
    assert (found.model, found.step) == (target, 10)
    assert found.name.endswith("global_step_10")


def test_a_whole_checkpoint_is_complete(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, 1)
    (found,) = find(tmp_path)
    assert why_incomplete(found) is None


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "trainer_state.json"])
def test_each_file_of_the_trainer_is_waited_for(missing: str, tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 1)
    (path / missing).unlink()
    (found,) = find(tmp_path)
    assert why_incomplete(found) is not None


def test_a_model_that_is_saved_alone_has_no_state(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 1, state=False)
    (path / "optimizer.pt").unlink()
    (found,) = find(tmp_path)
    assert why_incomplete(found) is None


def test_a_cut_file_is_not_complete(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 1)
    whole = safetensors(1)
    (found,) = find(tmp_path)
    for length in (0, 4, 20, len(whole) - 1):
        (path / "model.safetensors").write_bytes(whole[:length])
        assert why_incomplete(found) is not None
    (path / "model.safetensors").write_bytes(whole)
    assert why_incomplete(found) is None


def test_an_index_names_all_shards(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 1)
    (path / "model.safetensors").unlink()
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    write_json(
        path / "model.safetensors.index.json", {"weight_map": {"a": shards[0], "b": shards[1]}}
    )
    (found,) = find(tmp_path)
    (path / shards[0]).write_bytes(safetensors(1))
    assert "1 of 2 shards" in str(why_incomplete(found))
    (path / shards[1]).write_bytes(safetensors(2))
    assert why_incomplete(found) is None


def test_an_adapter(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint-3"
    path.mkdir()
    write_json(path / "adapter_config.json", {"peft_type": "LORA"})
    (found,) = find(tmp_path)
    assert why_incomplete(found) is not None
    (path / "adapter_model.safetensors").write_bytes(safetensors(1))
    assert why_incomplete(found) is None


def test_a_trainers_own_shards_say_how_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "step-10"
    path.mkdir()
    (path / "__0_0.distcp").write_bytes(b"shard")
    (found,) = find(tmp_path)
    assert "docs/watch.md" in str(why_incomplete(found))


def test_half_a_state_is_no_step(tmp_path: Path) -> None:
    path = write_checkpoint(tmp_path, 40)
    (path / "trainer_state.json").write_text(json.dumps({"global_step": 40})[:-4])
    assert [one.step for one in find(tmp_path)] == [40]
    shutil.rmtree(path)
    assert find(tmp_path) == []
