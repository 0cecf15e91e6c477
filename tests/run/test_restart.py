"""A job whose worker stalls is tried once more; then it fails with its reason, the others go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.registry.load import Registry
from evalsuite.run import events
from evalsuite.run.executor import LocalExecutor
from evalsuite.run.executor import _Outcome as Outcome
from evalsuite.run.plan import Group, Plan, RunOptions, make_plan
from evalsuite.run.spec import WorkerSpec
from evalsuite.store import Store

CHECKPOINT = Checkpoint(
    name="tiny",
    source="tiny",
    path=Path("tiny"),
    fingerprint="1" * 64,
    kind="causal",
    evidence=(),
    embedding=EmbeddingProtocol(engine="transformers"),
    chat=None,
    cannot={"generative": "not here"},
    max_positions=256,
)
OPTIONS = RunOptions(device="cpu", engine="transformers")
STALL = "the engine's process has done nothing for 600 s"


@dataclass(slots=True)
class Scripted(LocalExecutor):
    """Workers that end as they are told, without a process."""

    script: list[Outcome] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)

    def _worker(self, spec: WorkerSpec, hear: Callable[[events.Event], None]) -> Outcome:
        self.asked.append([job.task.name for job in spec.jobs])
        return self.script.pop(0)


@dataclass(slots=True)
class Heard:
    """What a listener was told."""

    events: list[events.Event] = field(default_factory=list)

    def group_started(self, group: Group) -> None:
        """Nothing to note."""

    def heard(self, group: Group, event: events.Event) -> None:
        self.events.append(event)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def plan(store: Store) -> Plan:
    registry = Registry.load()
    tasks = [registry.task(name) for name in ("smoke-sts", "smoke-reranking")]
    return make_plan((CHECKPOINT,), tasks, OPTIONS, registry, store)


def play(plan: Plan, store: Store, *script: Outcome) -> tuple[Scripted, Heard]:
    executor, heard = Scripted(script=list(script)), Heard()
    executor.run(plan.groups, OPTIONS, store, heard)
    assert executor.script == []
    return executor, heard


def test_after_one_stall_the_job_is_tried_again(plan: Plan, store: Store) -> None:
    stalled = Outcome(ended={0}, running=[1], ready=True, stall=STALL)
    executor, heard = play(plan, store, stalled, Outcome(ended={0}))
    assert executor.asked == [["smoke-sts", "smoke-reranking"], ["smoke-reranking"]]
    assert heard.events == [events.EngineStalled(reason=STALL, restarted=True)]
    assert store.records() == []


def test_after_the_second_it_has_failed_and_the_others_go_on(plan: Plan, store: Store) -> None:
    stalled = Outcome(running=[0], ready=True, stall=STALL)
    executor, heard = play(plan, store, stalled, stalled, Outcome(ended={0}))
    assert executor.asked[-1] == ["smoke-reranking"]
    [record] = store.records()
    assert record.status == "failed"
    assert record.signature.task == "smoke-sts"
    assert (record.reason or "").startswith(f"{STALL}, again after a restart; see ")
    stalls = [event for event in heard.events if isinstance(event, events.EngineStalled)]
    assert [event.restarted for event in stalls] == [True, False]


def test_an_engine_that_never_loads_fails_all(plan: Plan, store: Store) -> None:
    stalled = Outcome(stall=STALL)
    play(plan, store, stalled, stalled)
    assert [record.status for record in store.records()] == ["failed", "failed"]


def test_each_job_may_stall_once(plan: Plan, store: Store) -> None:
    script = (
        Outcome(running=[0], ready=True, stall=STALL),
        Outcome(ended={0}, running=[1], ready=True, stall=STALL),
    )
    play(plan, store, *script, Outcome(ended={0}))
    assert store.records() == []


def test_a_worker_that_hangs_when_all_is_done_costs_nothing(plan: Plan, store: Store) -> None:
    play(plan, store, Outcome(ended={0, 1}, stall=STALL))
    assert store.records() == []
