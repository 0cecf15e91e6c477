"""Folders that hold checkpoints, and patterns after ``--ckpt``."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import CheckpointOptions
from evalsuite.checkpoint.several import members
from evalsuite.commands.checkpoints import find_checkpoints
from evalsuite.errors import CheckpointError, UsageError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def runs(write_folder, write_weights) -> Path:
    """Three complete checkpoints with weights of their own, and two unfinished ones."""
    for index, name in enumerate(("runs/step-1000", "runs/step-200", "runs/deep/er/final")):
        folder = write_folder(name)
        write_weights(folder / "model.safetensors", bytes([index, 2, 3, 4]))
    (write_folder("runs/step-3000") / "model.safetensors").unlink()
    root = write_folder("runs/step-4000").parent
    (root / "step-4000" / "config.json").unlink()
    (root / "logs").mkdir()
    (root / "logs" / "events.txt").write_text("")
    return root


def names(paths: tuple[str, ...], root: Path) -> list[str]:
    return [str(Path(path).relative_to(root)) for path in paths]


def test_a_folder_stands_for_all_checkpoints_below_it(runs: Path) -> None:
    found = names(members(str(runs)), runs)
    assert found == ["deep/er/final", "step-200", "step-1000", "step-3000", "step-4000"]


def test_incomplete_ones_are_named_and_left_out(runs: Path) -> None:
    found = find_checkpoints([str(runs)], CheckpointOptions())
    assert [one.name for one in found.checkpoints] == ["final", "runs-step-200", "runs-step-1000"]
    weights, config = found.left_out
    assert "step-3000 has no weights" in weights
    assert "step-4000 is not a checkpoint: it has no config.json" in config


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("step-[12]*", ["step-200", "step-1000"]),
        ("*/er", ["deep/er/final"]),
        ("d*", ["deep/er/final"]),
    ],
)
def test_patterns(runs: Path, pattern: str, found: list[str]) -> None:
    assert names(members(str(runs / pattern)), runs) == found


@pytest.mark.parametrize("text", ["demo:minilm", "org/name", "no-such", "runs-x/step-200"])
def test_one_checkpoint_is_not_looked_into(text: str) -> None:
    assert members(text) == ()


def test_a_checkpoint_is_itself_whatever_lies_in_it(write_folder) -> None:
    folder = write_folder("model", **{"1_Pooling__config.json": "{}"})
    assert members(str(folder)) == ()


def test_a_pattern_without_a_match_names_what_is_near(runs: Path) -> None:
    with pytest.raises(
        CheckpointError, match=r"no checkpoint matches .*; did you mean .*step-1000"
    ):
        members(str(runs / "stop-100*"))


def test_a_folder_of_incomplete_ones_is_refused_with_the_first_reason(runs: Path) -> None:
    said = r"none of the 2 checkpoints .* can be evaluated; the first: .* has no weights"
    with pytest.raises(CheckpointError, match=said):
        find_checkpoints([str(runs / "step-[34]000")], CheckpointOptions())


def test_the_same_checkpoint_counts_once(runs: Path) -> None:
    found = find_checkpoints([str(runs / "step-200"), str(runs / "step-2*")], CheckpointOptions())
    assert len(found.checkpoints) == 1
    assert found.left_out == ()


def test_copies_are_named_and_left_out(runs: Path) -> None:
    shutil.copytree(runs / "step-200", runs / "copy")
    found = find_checkpoints([str(runs / "step-200"), str(runs / "copy")], CheckpointOptions())
    assert [one.name for one in found.checkpoints] == ["runs-step-200"]
    [said] = found.left_out
    assert said == f"left out: {runs / 'copy'} has the same bytes as {runs / 'step-200'}"


def test_a_base_without_an_adapter_is_refused_before_anything_is_read(runs: Path) -> None:
    options = CheckpointOptions(base="no-such-base")
    with pytest.raises(UsageError, match=r"--base changes nothing: .*step-200 is a full model"):
        find_checkpoints([str(runs / "step-200")], options)


def test_a_folder_of_a_training_is_its_last_model_and_the_steps_are_named(
    write_folder, write_weights
) -> None:
    for index, name in enumerate(("run", "run/checkpoint-900", "run/checkpoint-1000")):
        folder = write_folder(name)
        write_weights(folder / "model.safetensors", bytes([index, 7, 7, 7]))
    run = folder.parent
    found = find_checkpoints([str(run)], CheckpointOptions())
    assert [one.name for one in found.checkpoints] == ["run"]
    [said] = found.left_out
    steps = "checkpoint-900, checkpoint-1000"
    assert said == f"left out: in {run} lie {steps} as well; for them: --ckpt '{run}/*'"
    both = find_checkpoints([str(run), f"{run}/*"], CheckpointOptions())
    assert [one.step for one in both.checkpoints] == [None, 900, 1000]
    assert both.left_out == ()
