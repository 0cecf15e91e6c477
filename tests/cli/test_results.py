"""``evalsuite results``: what a store holds, and what a person changes in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.data import SampleTable
from evalsuite.store import Store
from evalsuite.store_changes import rename
from helpers.command_line import command
from helpers.records import record, scored

VALUES = [0.0, 1.0, 1.0]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two checkpoints on two tasks, with samples; one score of ``old`` was computed twice."""
    made = Store(tmp_path / "results")
    made.prepare()
    for name in ("old", "other"):
        for task in ("sts-a", "quiz-b"):
            made.put(record(task, 0.5, checkpoint=name), scored(VALUES))
    made.put(record("sts-a", 0.6, checkpoint="old", age=1), scored(VALUES[::-1]))
    made.put(record("quiz-c", None, checkpoint="other"))
    return made


def results(*arguments: object, out: Store) -> str:
    done = command("results", *arguments, "--out", out.root)
    assert done.returncode == 0, done.stderr
    return done.stdout


def scores(store: Store) -> list[tuple[str, str, float | None]]:
    found = store.records()
    return sorted((r.checkpoint.name, r.signature.task, r.score) for r in found)


def files(store: Store) -> list[str]:
    """All files of a store but for its locks."""
    paths = (path.relative_to(store.root) for path in store.root.rglob("*") if path.is_file())
    return sorted(str(path) for path in paths if path.suffix != ".lock")


def test_ls_names_checkpoints_tasks_and_scores(store: Store) -> None:
    shown = results("ls", out=store)
    assert "3 scored" in shown
    assert "2 scored, 1 failed" in shown
    assert "60.00 accuracy, n 100" in shown
    assert "failed: out of memory" in shown
    assert "other" not in results("ls", "old", "--tasks", "sts-*", out=store)


def test_rm_removes_records_with_their_samples(store: Store) -> None:
    assert "removed 2 scored" in results("rm", "old", "--tasks", "sts-a", "--yes", out=store)
    assert scores(store) == [
        ("old", "quiz-b", 0.5),
        ("other", "quiz-b", 0.5),
        ("other", "quiz-c", None),
        ("other", "sts-a", 0.5),
    ]
    assert not [name for name in files(store) if name.startswith("old") and "sts-a" in name]
    results("rm", "*", "-y", out=store)
    assert files(store) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rm"], "needs a checkpoint or --tasks; all of them: '*'"),
        (["rm", "old"], "nothing was removed: nobody can be asked here; add --yes"),
        (["rm", "odl", "--yes"], "no scores of 'odl' are stored here; did you mean old"),
        (["mv", "old"], "has nothing to do; give a new name, or --to FOLDER"),
        (["mv", "old", "a/b"], "'a/b' cannot be a name"),
        (["mv", "old", "other"], "another checkpoint is called 'other' already"),
        (["mv", "o*", "new"], "'o*' names 2 checkpoints; name one by its fingerprint"),
        (["mv", "old", "new", "--tasks", "sts-a"], "--tasks cannot be renamed alone"),
        (["mv", "old", "--to", "results"], "is the store itself"),
    ],
)
def test_what_is_wrong_changes_nothing(store: Store, arguments: list[str], said: str) -> None:
    before = files(store)
    done = command("results", *arguments, "--out", store.root, cwd=store.root.parent)
    assert done.returncode == 2
    assert said in done.stderr
    assert files(store) == before


def test_mv_renames_without_touching_a_score(store: Store) -> None:
    before = {r.signature.plan_key: r for r in store.records() if r.checkpoint.name == "old"}
    print_ = next(iter(before.values())).checkpoint.fingerprint
    results("mv", "old", "new", out=store)
    after = [r for r in store.records() if r.checkpoint.name == "new"]
    assert len(after) == 3
    assert not [name for name in files(store) if name.startswith("old")]
    for one in after:
        samples = store.samples_path(one)
        assert samples is not None
        assert len(SampleTable.read(samples).narrow(["score"])) == len(VALUES)
        assert one in store.find(print_, one.signature.plan_key), "a later run finds it"
    newest, *_ = store.find(print_, next(r for r in after if r.score == 0.6).signature.plan_key)
    assert newest.score == 0.6


def test_an_interrupted_rename_is_finished_by_the_same_command(store: Store) -> None:
    first, *_ = [r for r in store.records() if r.checkpoint.name == "old"]
    rename(store, [first], "new")
    assert len([r for r in store.records() if r.checkpoint.name == "old"]) == 2
    results("mv", first.checkpoint.fingerprint[:8], "new", out=store)
    assert len([r for r in store.records() if r.checkpoint.name == "new"]) == 3
    assert not [name for name in files(store) if name.startswith("old")]


def test_mv_moves_to_another_store_and_back(store: Store, tmp_path: Path) -> None:
    before, there = files(store), Store(tmp_path / "there")
    expected = scores(store)
    results("mv", "old", "--tasks", "sts-*", "--to", there.root, out=store)
    assert scores(there) == [("old", "sts-a", 0.5), ("old", "sts-a", 0.6)]
    assert len(scores(store)) == 4
    results("mv", "old", "--to", store.root, out=there)
    assert scores(store) == expected
    assert files(store) == before
    assert files(there) == []
