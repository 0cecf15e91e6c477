"""How a worker is told what to do, though it may hang before it reads, or read slowly.

The workers here are shell scripts in the place of Python: real processes, real pipes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol
from evalsuite.registry.load import Registry
from evalsuite.run.options import RunOptions
from evalsuite.run.plan import make_plan
from evalsuite.run.workers.executor import LocalExecutor
from evalsuite.run.workers.spec import WorkerSpec
from evalsuite.store import Store

PIPE = 1 << 16
"""Bytes that a pipe holds on Linux."""
PATIENCE = 1.0
CHECKPOINT = Checkpoint(
    name="tiny",
    source="tiny",
    path=Path("tiny"),
    fingerprint="1" * 64,
    kind="causal",
    evidence=(),
    embedding=EmbeddingProtocol(engine="transformers"),
    chat=None,
    cannot={},
    max_positions=256,
)


@pytest.fixture
def spec(tmp_path: Path) -> WorkerSpec:
    options, registry = RunOptions(device="cpu", engine="transformers"), Registry.load()
    plan = make_plan(
        (CHECKPOINT,), [registry.task("smoke-sts")], options, registry, Store(tmp_path)
    )
    [group] = plan.groups
    one = WorkerSpec.of(group, plan.options, tmp_path, tmp_path / "log")
    found = one.model_copy(update={"jobs": one.jobs * 200})
    assert len(found.model_dump_json()) > 2 * PIPE
    return found


def be_worker(script: str, folder: Path, patch: pytest.MonkeyPatch) -> None:
    program = folder / "worker"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="ascii")
    program.chmod(0o755)
    patch.setattr(sys, "executable", str(program))


def test_a_worker_that_hangs_before_it_reads_is_ended(
    spec: WorkerSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_worker("exec sleep 300", tmp_path, monkeypatch)
    started = time.monotonic()
    outcome = LocalExecutor(patience=PATIENCE)._worker(spec, lambda _: None)
    assert time.monotonic() - started < 60 * PATIENCE
    assert "nothing for 1 s" in (outcome.stall or "")
    assert outcome.code == -9


def test_a_worker_that_dies_before_it_reads_says_why(
    spec: WorkerSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_worker("echo no such library >&2\nexit 3", tmp_path, monkeypatch)
    outcome = LocalExecutor(patience=PATIENCE)._worker(spec, lambda _: None)
    assert outcome.code == 3
    assert "no such library" in outcome.reason(spec.log)


def test_a_worker_that_reads_late_is_told_all(
    spec: WorkerSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    be_worker(f"sleep 0.3\nexec cat > {tmp_path}/told", tmp_path, monkeypatch)
    outcome = LocalExecutor(patience=60)._worker(spec, lambda _: None)
    assert outcome.code == 0
    assert WorkerSpec.model_validate_json((tmp_path / "told").read_bytes()) == spec
