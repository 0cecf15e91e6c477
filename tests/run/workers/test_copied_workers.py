"""Several checkpoints in one run: their workers are copies of a process that has imported all."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.registry.load import Registry
from evalsuite.run.job import Group
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.run.workers import events
from evalsuite.run.workers.executor import LocalExecutor
from evalsuite.store import Store
from helpers.tiny_encoders import checkpoint, save_model

pytestmark = pytest.mark.e2e

TASKS = ("smoke-sts", "smoke-classification")
OPTIONS = RunOptions(device="cpu", dtype="float32", limit=8)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> list[Checkpoint]:
    folder = tmp_path_factory.mktemp("models")
    made = []
    for number, family in enumerate(("llama", "mistral", "qwen2")):
        path = save_model(folder / family, family)
        one = checkpoint(path, instructions="none", max_length=256)
        made.append(one.model_copy(update={"name": family, "fingerprint": f"{number}" * 64}))
    return made


def children() -> set[psutil.Process]:
    """All processes below this one; other tests may keep some of their own."""
    return set(psutil.Process().children(recursive=True))


@dataclass
class Killer:
    """Kills the first worker once it has begun a job; notes all of them."""

    kills: bool
    workers: list[int] = field(default_factory=list)
    before: set[psutil.Process] = field(default_factory=children)
    _killed: bool = False

    def group_started(self, group: Group) -> None:
        """Nothing to do."""

    def on_event(self, group: Group, event: events.Event) -> None:
        if isinstance(event, events.EngineReady):
            [worker] = [one for one in children() - self.before if one.name() == "worker"]
            self.workers.append(worker.pid)
        if isinstance(event, events.EngineBusy) and self.kills and not self._killed:
            self._killed = True
            os.kill(self.workers[-1], signal.SIGKILL)


def scores(store: Store) -> dict[tuple[str, str], tuple[float | None, dict[str, float]]]:
    return {
        (one.checkpoint.fingerprint, one.signature.task): (one.score, one.metrics)
        for one in store.records()
        if one.status == "scored"
    }


def run(checkpoints: list[Checkpoint], folder: Path, listener: Killer | None = None) -> Store:
    registry, store = Registry.load(), Store(folder)
    tasks = [registry.task(name) for name in TASKS]
    plan = make_plan(tuple(checkpoints), tasks, OPTIONS, registry, store)
    LocalExecutor().run(plan.groups, plan.options, store, listener or Quiet())
    return store


class Quiet:
    """Hears nothing."""

    def group_started(self, group: Group) -> None:
        """Nothing to do."""

    def on_event(self, group: Group, event: events.Event) -> None:
        """Nothing to do."""


def test_scores_are_those_of_workers_that_import_for_themselves(
    tiny: list[Checkpoint], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killer = Killer(kills=True)
    together = run(tiny, tmp_path / "together", killer)
    # One for the first checkpoint that was killed, one for what it left, one for each other.
    assert len(set(killer.workers)) == len(tiny) + 1
    assert children() <= killer.before
    failed = [one for one in together.records() if one.status == "failed"]
    assert [one.checkpoint.fingerprint for one in failed] == [tiny[0].fingerprint]
    assert "SIGKILL" in (failed[0].reason or "")

    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "other cache"))
    expected = scores(run(tiny[1:2], tmp_path / "alone"))
    found = scores(together)
    assert len(found) == len(tiny) * len(TASKS) - 1
    assert expected == {key: found[key] for key in expected}
    assert len(expected) == len(TASKS)
