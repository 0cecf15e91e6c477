"""Tasks that share a real engine get the answers that they get one call after the other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet
import pytest

from evalsuite.checkpoint import resolve
from evalsuite.registry.load import Registry
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.run.workers import events
from evalsuite.run.workers.spec import WorkerSpec
from evalsuite.store import Store

pytestmark = pytest.mark.e2e
pytest.importorskip("vllm")

TASKS = ("smoke-arithmetic", "smoke-multiple-choice", "smoke-reading")
Answers = dict[str, list[tuple[str, str, float]]]


def work(folder: Path, *, in_turn: bool) -> tuple[list[events.Event], Answers]:
    """Events of a worker, and each task's answers in float32."""
    options = RunOptions(device="cpu", dtype="float32", limit=12)
    registry, store = Registry.load(), Store(folder)
    store.prepare()
    tasks = [registry.task(name) for name in TASKS]
    plan = make_plan([resolve("demo:smollm2")], tasks, options, registry, store)
    [group] = plan.groups
    log = folder / "log.txt"
    spec = WorkerSpec.of(group, plan.options, folder, log, in_turn=in_turn)
    done = subprocess.run(
        [sys.executable, "-m", "evalsuite.run.workers.worker"],
        input=spec.model_dump_json().encode(),
        capture_output=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, (folder / "log.txt").read_text()[-3000:]
    heard = [events.ADAPTER.validate_json(line) for line in done.stdout.splitlines()]
    answers: Answers = {}
    for record in store.records():
        assert record.status == "scored", record.reason
        path = store.samples_path(record)
        assert path is not None
        answers[record.signature.task] = [
            (row["prompt"], row["response"], row["score"])
            for row in pyarrow.parquet.read_table(path).to_pylist()
        ]
    return heard, answers


def test_answers_do_not_depend_on_what_shares_the_engine(tmp_path: Path) -> None:
    heard, mixed = work(tmp_path / "mixed", in_turn=False)
    busy = [event for event in heard if isinstance(event, events.EngineBusy)]
    assert any(event.beside for event in busy)
    heard, alone = work(tmp_path / "alone", in_turn=True)
    assert not any(isinstance(event, events.EngineBusy) and event.beside for event in heard)
    assert set(mixed) == set(TASKS)
    assert mixed == alone
