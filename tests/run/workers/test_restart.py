"""A job whose worker stalls is tried once more; then it fails with its reason, the others go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.data import files_info
from evalsuite.kinds.base import Evaluation
from evalsuite.registry.load import Registry
from evalsuite.run.job import Group
from evalsuite.run.options import Resolved, RunOptions
from evalsuite.run.plan import Plan, make_plan
from evalsuite.run.records import scored_record
from evalsuite.run.workers import events
from evalsuite.run.workers.executor import LocalExecutor, WorkerOutcome
from evalsuite.run.workers.spec import WorkerSpec
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
TASKS = ("smoke-sts", "smoke-reranking")


def make(store: Store) -> Plan:
    registry = Registry.load()
    return make_plan((CHECKPOINT,), [registry.task(n) for n in TASKS], OPTIONS, registry, store)


STS, RERANK = (job.key for job in make(Store(Path("nowhere"))).jobs)
STALL = "the engine's process has done nothing for 600 s"


@dataclass(slots=True)
class Scripted(LocalExecutor):
    """Workers that end as they are told, without a process."""

    script: list[WorkerOutcome] = field(default_factory=list)
    asked: list[list[str]] = field(default_factory=list)
    in_turn: list[bool] = field(default_factory=list)
    does: Callable[[], object] = lambda: None
    """Called by each worker."""

    def _worker(self, spec: WorkerSpec, hear: Callable[[events.Event], None]) -> WorkerOutcome:
        self.asked.append([job.task.name for job in spec.jobs])
        self.in_turn.append(spec.in_turn)
        self.does()
        return self.script.pop(0)


@dataclass(slots=True)
class Heard:
    """What a listener was told."""

    events: list[events.Event] = field(default_factory=list)

    def group_started(self, group: Group) -> None:
        """Nothing to note."""

    def on_event(self, group: Group, event: events.Event) -> None:
        self.events.append(event)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


@pytest.fixture
def plan(store: Store) -> Plan:
    return make(store)


def play(
    plan: Plan,
    store: Store,
    *script: WorkerOutcome,
    options: Resolved | None = None,
    does: Callable[[], object] = lambda: None,
) -> tuple[Scripted, Heard]:
    executor, heard = Scripted(script=list(script), does=does), Heard()
    executor.run(plan.groups, options or plan.options, store, heard)
    assert executor.script == []
    return executor, heard


def keep_score(plan: Plan, store: Store, place: int) -> None:
    """What a worker does before it says that a job has ended."""
    job = plan.jobs[place]
    data = files_info(job.task.data or {})
    evaluation = Evaluation(
        main_metric="accuracy",
        score=0.5,
        estimator="other",
        stderr=None,
        n=4,
        metrics={},
        samples=[],
        data=data,
        raw={},
    )
    store.put(scored_record(job.checkpoint, job.task, job.signature, evaluation, 1.0))


@pytest.mark.parametrize("beside", [(), (RERANK,)], ids=["alone", "beside another"])
@pytest.mark.parametrize("stall", [None, STALL], ids=["killed", "stalled"])
@pytest.mark.parametrize("fresh", [False, True], ids=["resumed", "fresh"])
def test_a_score_that_is_stored_is_not_lost_with_the_worker_that_did_not_tell_of_it(
    plan: Plan, store: Store, *, fresh: bool, stall: str | None, beside: tuple[str, ...]
) -> None:
    options = plan.options.model_copy(update={"fresh": fresh})
    if fresh:
        keep_score(plan, store, 0)
    store.job_folder(plan.jobs[0].checkpoint.ref, plan.jobs[0].signature.plan_key)
    killed = WorkerOutcome(running=[RERANK, STS], ready=True, beside=beside, code=-9, stall=stall)

    def work() -> None:
        if not executed:
            executed.append(True)
            keep_score(plan, store, 0)

    executed: list[bool] = []
    executor, heard = play(
        plan, store, killed, WorkerOutcome(ended={RERANK}), options=options, does=work
    )
    assert executor.asked == [["smoke-sts", "smoke-reranking"], ["smoke-reranking"]]
    assert events.JobEnded(job=STS, status="scored", record=None) in heard.events
    assert [record.status for record in store.records()] == ["scored"] * (1 + fresh)
    assert not list(store.root.glob("*/*.outcome.json"))
    assert not list((store.root / ".work").iterdir())


def test_a_score_of_an_earlier_run_does_not_stand_for_a_fresh_one(plan: Plan, store: Store) -> None:
    keep_score(plan, store, 0)
    options = plan.options.model_copy(update={"fresh": True})
    killed = WorkerOutcome(running=[STS], ready=True, code=-9)
    _, heard = play(plan, store, killed, WorkerOutcome(ended={RERANK}), options=options)
    assert [(e.job, e.status) for e in heard.events if isinstance(e, events.JobEnded)] == [
        (STS, "failed")
    ]


def test_after_one_stall_the_job_is_tried_again(plan: Plan, store: Store) -> None:
    stalled = WorkerOutcome(ended={STS}, running=[RERANK], ready=True, stall=STALL)
    executor, heard = play(plan, store, stalled, WorkerOutcome(ended={RERANK}))
    assert executor.asked == [["smoke-sts", "smoke-reranking"], ["smoke-reranking"]]
    assert heard.events == [events.EngineStalled(reason=STALL, restarted=True)]
    assert store.records() == []


def test_after_the_second_it_has_failed_and_the_others_go_on(plan: Plan, store: Store) -> None:
    stalled = WorkerOutcome(running=[STS], ready=True, stall=STALL)
    executor, heard = play(plan, store, stalled, stalled, WorkerOutcome(ended={RERANK}))
    assert executor.asked[-1] == ["smoke-reranking"]
    [record] = store.records()
    assert record.status == "failed"
    assert record.signature.task == "smoke-sts"
    assert (record.reason or "").startswith(f"{STALL}, again after a restart; see ")
    stalls = [event for event in heard.events if isinstance(event, events.EngineStalled)]
    assert [event.restarted for event in stalls] == [True, False]


def test_an_engine_that_never_loads_fails_all(plan: Plan, store: Store) -> None:
    stalled = WorkerOutcome(stall=STALL)
    play(plan, store, stalled, stalled)
    assert [record.status for record in store.records()] == ["failed", "failed"]


def test_each_job_may_stall_once(plan: Plan, store: Store) -> None:
    script = (
        WorkerOutcome(running=[STS], ready=True, stall=STALL),
        WorkerOutcome(ended={STS}, running=[RERANK], ready=True, stall=STALL),
    )
    play(plan, store, *script, WorkerOutcome(ended={RERANK}))
    assert store.records() == []


def test_a_worker_that_hangs_when_all_is_done_costs_nothing(plan: Plan, store: Store) -> None:
    play(plan, store, WorkerOutcome(ended={STS, RERANK}, stall=STALL))
    assert store.records() == []


def test_a_gpu_that_broke_in_one_job_is_there_again_for_the_next(plan: Plan, store: Store) -> None:
    why = "the GPU cannot be used any more by this process: CUDA error: device-side assert"
    lost = WorkerOutcome(running=[STS], ready=True, code=70, engine_failure=why)
    executor, _ = play(plan, store, lost, WorkerOutcome(ended={RERANK}))
    assert executor.asked == [["smoke-sts", "smoke-reranking"], ["smoke-reranking"]]
    [record] = store.records()
    assert (record.status, record.signature.task, record.reason) == ("failed", "smoke-sts", why)


def test_who_ends_a_worker_of_several_jobs_is_found_by_doing_them_in_turn(
    plan: Plan, store: Store
) -> None:
    killed = WorkerOutcome(running=[RERANK, STS], ready=True, beside=(RERANK,), code=-11)
    again = WorkerOutcome(ended={STS}, running=[RERANK], ready=True, code=-11)
    executor, heard = play(plan, store, killed, again)
    assert executor.asked == [["smoke-sts", "smoke-reranking"]] * 2
    assert executor.in_turn == [False, True]
    [record] = store.records()
    assert (record.status, record.signature.task) == ("failed", "smoke-reranking")
    assert "ended by SIGSEGV" in (record.reason or "")
    [restart, failed] = heard.events
    assert isinstance(restart, events.EngineStalled)
    assert restart.restarted
    assert "ended by SIGSEGV" in restart.reason
    assert isinstance(failed, events.JobEnded)


def test_a_stall_amid_several_jobs_blames_none(plan: Plan, store: Store) -> None:
    stalled = WorkerOutcome(running=[RERANK, STS], ready=True, beside=(RERANK,), stall=STALL)
    alone = WorkerOutcome(running=[STS], ready=True, stall=STALL)
    executor, _ = play(plan, store, stalled, alone, WorkerOutcome(ended={STS, RERANK}))
    assert executor.in_turn == [False, True, True]
    assert store.records() == []


def test_who_shares_the_engine_is_heard() -> None:
    outcome = WorkerOutcome(ready=True)
    for job in ("0", "1", "2"):
        outcome.note(events.JobStarted(job=job))
    outcome.note(events.EngineBusy(job="0", beside=("1", "2")))
    assert (outcome.current, outcome.beside) == ("0", ("1", "2"))
    outcome.note(events.JobEnded(job="1", status="scored", record=None))
    assert outcome.beside == ("2",)
    outcome.note(events.EngineBusy(job="2"))
    assert (outcome.current, outcome.beside) == ("2", ())
