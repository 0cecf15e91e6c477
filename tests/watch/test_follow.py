"""Checkpoints are held, evaluated once and in order, whatever trainer and watcher do meanwhile."""

from __future__ import annotations

import os
import shutil
from functools import partial
from pathlib import Path

import pytest

from evalsuite.checkpoint.fingerprint import folder_fingerprint
from evalsuite.errors import StoreError, UsageError
from evalsuite.store import Store
from evalsuite.watch.models import Held
from evalsuite.watch.state import locked, place_of
from helpers.training import safetensors, write_checkpoint
from watch.conftest import World


def test_each_checkpoint_once_and_by_step(world: World) -> None:
    for step in (200, 1000, 30):
        write_checkpoint(world.runs, step)
    assert world.follow(world.queue(), once=True)
    assert world.judged == world.told == [30, 200, 1000]
    world.follow(world.queue(), once=True)
    assert world.judged == world.told == [30, 200, 1000]


def test_checkpoints_that_come_while_it_waits(world: World) -> None:
    for number in range(1, 5):
        world.clock.at(10 * number, partial(write_checkpoint, world.runs, 100 * number))
    world.follow(world.queue(), until=300)
    assert world.judged == [100, 200, 300]


def test_a_file_that_still_grows_is_waited_for(world: World) -> None:
    path = write_checkpoint(world.runs, 1)
    whole = safetensors(7)
    for second in range(1, 20):
        grown = partial((path / "model.safetensors").write_bytes, whole[: 3 * second])
        world.clock.at(second, grown)
    world.clock.at(20, partial((path / "model.safetensors").write_bytes, whole))
    seen: list[float] = []
    start = world.clock.now()
    world.while_judging = lambda held: seen.append(world.clock.now() - start)
    world.follow(world.queue(), until=1)
    assert 20 + 4 <= seen[0] <= 20 + 4 + 2 * 2
    assert world.judged == [1]


def test_a_deleted_checkpoint_is_read_to_its_end(world: World) -> None:
    for step in (1, 2, 3):
        write_checkpoint(world.runs, step)
    world.while_judging = lambda held: shutil.rmtree(world.runs, ignore_errors=True)
    world.follow(world.queue(), once=True)
    assert world.judged == [1, 2, 3]
    assert not list((world.root / "place" / "held").iterdir())


def test_a_copy_has_the_fingerprint_of_the_original(world: World, tmp_path: Path) -> None:
    path = write_checkpoint(world.runs, 1)
    names = ("config.json", "model.safetensors", "tokenizer.json")
    wanted = folder_fingerprint(path, [path / name for name in names], tmp_path / "cache")
    found: list[str] = []

    def look(held: Held) -> None:
        copy = held.copy_path
        assert (copy.parent.name, copy.name) == ("runs", "checkpoint-1")  # names say the kind
        assert not (copy / "optimizer.pt").exists()
        files = [copy / name for name in names]
        found.append(folder_fingerprint(copy, files, tmp_path / "cache"))

    world.while_judging = look
    world.follow(world.queue(), once=True)
    assert found == [wanted]


def test_links_take_no_space(world: World) -> None:
    path = write_checkpoint(world.runs, 1)

    def look(held: Held) -> None:
        assert (held.copy_path / "model.safetensors").samefile(path / "model.safetensors")

    world.while_judging = look
    world.follow(world.queue(), once=True)


def test_without_links_it_is_copied(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "link", refuse)
    path = write_checkpoint(world.runs, 1)
    content: list[bytes] = []

    def look(held: Held) -> None:
        (path / "model.safetensors").write_bytes(b"other")  # a copy does not see it
        content.append((held.copy_path / "model.safetensors").read_bytes())

    world.while_judging = look
    world.follow(world.queue(), once=True)
    assert content == [safetensors(1)]


def test_the_newest_alone_where_it_is_behind(world: World) -> None:
    for step in (1, 2, 3):
        write_checkpoint(world.runs, step)
    queue = world.queue(latest=True)
    world.follow(queue, once=True)
    assert world.judged == [3]
    assert {one.step: one.result for one in queue.outcomes} == {
        1: "skipped",
        2: "skipped",
        3: "evaluated",
    }
    assert len(world.notes) == 2
    assert all("checkpoint-3 is newer" in note for note in world.notes)


def test_only_some_steps(world: World) -> None:
    for step in (100, 150, 200, 300):
        write_checkpoint(world.runs, step)
    world.follow(world.queue(every=100, until=200), until=200)
    assert world.judged == [100, 200]


def test_a_step_that_runs_backwards_is_said_and_evaluated(world: World) -> None:
    write_checkpoint(world.runs, 200)
    world.clock.at(30, partial(write_checkpoint, world.runs, 100))
    world.follow(world.queue(), timeout=60)
    assert world.judged == [200, 100]
    (note,) = world.notes
    assert "step 100 comes after step 200" in note


def test_a_step_that_is_written_anew_is_evaluated_anew(world: World) -> None:
    write_checkpoint(world.runs, 100)
    world.clock.at(30, partial(write_checkpoint, world.runs, 100, content=77))
    world.follow(world.queue(), timeout=60)
    assert world.judged == [100, 100]


def test_an_earlier_step_in_writing_goes_first(world: World) -> None:
    slow = write_checkpoint(world.runs, 100, state=False)
    write_checkpoint(world.runs, 200)
    state = slow / "trainer_state.json"
    world.clock.at(30, partial(state.write_text, '{"global_step": 100}'))
    world.follow(world.queue(), once=True)
    assert world.judged == [100, 200]


def test_one_that_was_given_up_holds_up_no_other(world: World) -> None:
    (world.runs / "checkpoint-100").mkdir()
    write_checkpoint(world.runs, 200)
    queue = world.queue()
    world.follow(queue, until=200)
    assert world.judged == [200]
    assert len(queue.incomplete) == 1
    assert any("checkpoint-100 is not evaluated" in note for note in world.notes)


def test_a_hold_outlives_its_watcher(world: World) -> None:
    write_checkpoint(world.runs, 1)
    queue = world.queue()
    queue.look()
    world.clock.wait(10)
    queue.look()
    shutil.rmtree(world.runs / "checkpoint-1")
    assert [held.step for held in world.queue().waiting] == [1]
    world.follow(world.queue(), once=True)
    assert world.judged == [1]


def test_it_tells_again_what_a_killed_watcher_may_not_have_told(world: World) -> None:
    write_checkpoint(world.runs, 1)
    queue = world.queue()
    queue.look()
    world.clock.wait(10)
    queue.look()
    (held,) = queue.waiting
    queue.settle(world.judge(held))
    world.follow(world.queue(), once=True)
    assert (world.judged, world.told) == ([1], [1])


def test_it_waits_for_the_end_of_the_training(world: World) -> None:
    finish = world.root / "finish"
    world.clock.at(10, partial(write_checkpoint, world.runs, 1))
    world.clock.at(11, finish.touch)
    assert world.follow(world.queue(), ended=finish.exists) == "the training has ended"
    assert world.judged == [1]


def test_nothing_comes(world: World) -> None:
    start = world.clock.now()
    assert world.follow(world.queue(), timeout=100) == "nothing new for 100 s"
    assert 100 <= world.clock.now() - start <= 102
    assert world.judged == []


def test_two_watchers(world: World) -> None:
    place = place_of(Store(world.root / "results"), world.runs, "smoke", None)
    with locked(place, world.runs), pytest.raises(UsageError, match="another evalsuite watch"):  # noqa: SIM117
        with locked(place, world.runs):
            pass
    with locked(place, world.runs):
        pass
    assert place != place_of(Store(world.root / "results"), world.runs, "grit", None)


@pytest.mark.parametrize(("content", "why"), [('{"version": 99}', "newer"), ("{", "read")])
def test_a_state_that_it_cannot_read(content: str, why: str, world: World) -> None:
    world.queue()
    (world.root / "place" / "state.json").write_text(content)
    with pytest.raises(StoreError, match=why):
        world.queue()
