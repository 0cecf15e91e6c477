"""What a person reads while a run works."""

from __future__ import annotations

import io
import re
import time
from collections.abc import Callable

import pytest
from rich.console import Console

from evalsuite.kinds.table import make_task
from evalsuite.run.job import Group, Job
from evalsuite.run.options import Resolved
from evalsuite.run.plan import Plan
from evalsuite.run.progress import Lines, Meter, duration, listener
from evalsuite.run.workers import events
from evalsuite.schema import Signature
from helpers.planned import CHECKPOINT

Tick = Callable[[float], None]


@pytest.fixture
def tick(monkeypatch: pytest.MonkeyPatch) -> Tick:
    """Lets the time go by."""
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])

    def forward(seconds: float) -> None:
        now[0] += seconds

    return forward


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0.0 s"),
        (8.2, "8.2 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (245, "4 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (12_000, "3 h 20 min"),
        (360_000, "100 h 00 min"),
    ],
)
def test_durations(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_a_meter_shows_rate_and_time_left(tick: Tick) -> None:
    meter = Meter()
    meter.update(0, 3000, "texts")
    tick(20)
    meter.update(1200, 3000, "texts")
    # 1,200 in 20 s are 60/s; 1,800 are left: 30 s.
    assert meter.text() == "1,200/3,000 texts, 60/s, 30 s left"
    meter.update(3000, 3000, "texts")
    assert meter.text() == "3,000/3,000 texts, scoring"


def test_what_an_earlier_run_did_is_not_speed(tick: Tick) -> None:
    meter = Meter()
    meter.update(2000, 3000, "texts")
    tick(10)
    meter.update(2100, 3000, "texts")
    assert meter.text() == "2,100/3,000 texts, 10/s, 1 min 30 s left"


@pytest.mark.parametrize(("done", "seconds"), [(19, 10.0), (2, 10.0), (500, 0.4)])
def test_a_rate_needs_some_evidence(tick: Tick, done: int, seconds: float) -> None:
    # A fiftieth of all, and half a second.
    meter = Meter()
    meter.update(0, 1000, "requests")
    tick(seconds)
    meter.update(done, 1000, "requests")
    assert meter.text() == f"{done}/1,000 requests"


def test_another_unit_or_a_new_round_starts_afresh(tick: Tick) -> None:
    meter = Meter()
    meter.update(0, 100, "texts")
    tick(10)
    meter.update(90, 100, "texts")
    meter.update(0, 100, "texts")
    tick(10)
    meter.update(20, 100, "texts")
    assert meter.text() == "20/100 texts, 2/s, 40 s left"
    meter.update(10, 50, "requests")
    assert meter.text() == "10/50 requests"


def group(*names: str) -> Group:
    checkpoint = CHECKPOINT.model_copy(update={"name": "tiny[v2]"})
    jobs = []
    for name in names:
        task = make_task(name=name, kind="mteb", source="X")
        signature = Signature(
            task=name,
            task_hash=task.hash,
            world="embedding",
            harness="h",
            engine="e",
            device="cpu",
            dtype="float32",
        )
        jobs.append(Job(checkpoint=checkpoint, task=task, signature=signature))
    return Group(checkpoint, "encoder", tuple(jobs))


def test_lines_of_a_whole_run(tick: Tick) -> None:
    output = io.StringIO()
    jobs = group("a", "b", "c", "d")
    keys = [job.key for job in jobs.jobs]
    hear = Lines(Console(file=output, width=40), total=4)
    hear.group_started(jobs)
    hear.on_event(jobs, events.EngineLoading(imported=2.04, doing="loading 91 MB of weights"))
    hear.on_event(jobs, events.EngineReady(engine="transformers 1", seconds=3.21))
    hear.on_event(jobs, events.JobStarted(job=keys[0]))
    for done in (0, 10, 20, 30, 40):
        hear.on_event(jobs, events.JobProgress(job=keys[0], done=done, total=80, unit="texts"))
        tick(5)
    hear.on_event(jobs, events.JobEnded(job=keys[0], status="scored", record="r"))
    hear.on_event(jobs, events.JobStarted(job=keys[1]))
    tick(1)
    reason = "no such [bold] column: " + "x" * 60
    hear.on_event(jobs, events.JobEnded(job=keys[1], status="failed", record="r", reason=reason))
    hear.on_event(jobs, events.JobStarted(job=keys[2]))
    hear.on_event(
        jobs, events.JobEnded(job=keys[2], status="scored", record=None, by_other_run=True)
    )
    hear.on_event(jobs, events.JobStarted(job=keys[3]))
    hear.on_event(
        jobs, events.JobEnded(job=keys[3], status="skipped", record="r", reason="no sandbox")
    )
    hear.on_event(jobs, events.EngineFailed(reason="out of [memory]"))
    # 30 texts in the first 15 s; narrow consoles break no line.
    assert output.getvalue().splitlines() == [
        "tiny[v2]: loading the engine for 4 embedding tasks",
        "tiny[v2]: loading 91 MB of weights, libraries imported in 2.0 s",
        "transformers 1 ready after 3.2 s",
        "tiny[v2] a: 30/80 texts, 2/s, 25 s left",
        "[1/4] tiny[v2] a done in 25 s",
        f"[2/4] tiny[v2] b failed: {reason}",
        "[3/4] tiny[v2] c done in 0.0 s, by another run",
        "[4/4] tiny[v2] d skipped: no sandbox",
        "the engine failed: out of [memory]",
    ]


def test_one_task_is_not_plural() -> None:
    output = io.StringIO()
    Lines(Console(file=output), total=1).group_started(group("a"))
    assert output.getvalue() == "tiny[v2]: loading the engine for 1 embedding task\n"


def test_a_terminal_gets_the_same_lines_and_a_bar() -> None:
    output = io.StringIO()
    jobs = group("a", "b")
    keys = [job.key for job in jobs.jobs]
    console = Console(file=output, force_terminal=True, width=80, color_system=None)
    with listener(console, Plan(jobs.jobs, Resolved())) as hear:
        hear.group_started(jobs)
        hear.on_event(jobs, events.JobStarted(job=keys[0]))
        hear.on_event(jobs, events.JobProgress(job=keys[0], done=3, total=9, unit="texts"))
        hear.on_event(jobs, events.JobEnded(job=keys[0], status="scored", record="r"))
        hear.on_event(
            jobs, events.JobEnded(job=keys[1], status="failed", record="r", reason="lost")
        )
    assert "[1/2] tiny[v2] a done in" in output.getvalue()
    assert "[2/2] tiny[v2] b failed: lost" in output.getvalue()


def test_a_terminal_shows_that_an_engine_loads_and_for_how_long() -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=80, color_system=None)
    one = group("a")
    with listener(console, Plan(one.jobs, Resolved())) as hear:
        hear.group_started(one)
        time.sleep(0.3)
        importing = output.getvalue()
        output.truncate(0)
        hear.on_event(one, events.EngineLoading(imported=None, doing="starting vLLM"))
        time.sleep(0.3)
        loading = output.getvalue()
        hear.on_event(one, events.EngineReady(engine="vllm", seconds=1.0))
        output.truncate(0)
        time.sleep(0.3)
    assert re.search(r": importing libraries .*0\.[123] s", importing)
    assert re.search(r": starting vLLM .*0\.[3456] s", loading)
    assert "starting" not in output.getvalue()


def test_without_a_terminal_there_are_lines_alone() -> None:
    console = Console(file=io.StringIO())
    with listener(console, Plan(group("a").jobs, Resolved())) as hear:
        assert type(hear) is Lines
