"""What a run does with failures, real worker processes included."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from evalsuite.commands.requests import RunRequest
from evalsuite.commands.run import evaluate_request
from evalsuite.paths import cache_dir
from evalsuite.run.options import RunOptions
from evalsuite.store import Store

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def odd_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A task whose data breaks while it is evaluated, and one that is fine."""
    folder = tmp_path_factory.mktemp("tasks")
    good = [{"sentence1": f"word {n}", "sentence2": "word", "score": n % 5} for n in range(12)]
    bad = [*good, {"sentence1": "x", "sentence2": "y", "score": "not a number"}]
    for name, rows in (("good", good), ("bad", bad)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        (folder / f"{name}.yaml").write_text(
            f"name: {name}\nkind: mteb\ntype: sts\ndata: {{test: {name}.jsonl}}\n"
        )
    return folder


def request(out: Path, odd_tasks: Path, *tasks: str) -> RunRequest:
    return RunRequest(
        checkpoints=("demo:minilm",),
        suite=None,
        tasks=tasks,
        tasks_dirs=(odd_tasks,),
        results=out,
        options=RunOptions(device="cpu"),
    )


def test_a_failed_task_stops_no_other_and_is_tried_again(odd_tasks: Path, tmp_path: Path) -> None:
    asked = request(tmp_path, odd_tasks, "bad", "good")
    bad, good = evaluate_request(asked, Console(quiet=True)).records
    assert (bad.status, good.status) == ("failed", "scored")
    assert bad.reason is not None
    assert "bad.jsonl:13" in bad.reason
    assert [record.status for record in Store(tmp_path).records()].count("failed") == 1

    command = [sys.executable, "-m", "evalsuite.cli", "run", "--ckpt", "demo:minilm"]
    command += ["--tasks", "bad,good", "--tasks-dir", str(odd_tasks), "--out", str(tmp_path)]
    again = subprocess.run(
        [*command, "--reports", str(tmp_path / "reports")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert again.returncode == 4, "the exit code says that data is malformed"
    assert "2 jobs: 0 to run, 1 already stored, 1 refused" in again.stdout
    assert "bad.jsonl:13" in again.stdout


def test_a_killed_worker_costs_its_job_alone(
    odd_tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "checkpoints").symlink_to(cache_dir().absolute() / "checkpoints")
    monkeypatch.setenv("EVALSUITE_CACHE", str(cache))

    def kill_the_first_worker() -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            for child in psutil.Process().children():
                in_a_job = list(cache.glob("vectors/*/*.npy"))
                if in_a_job and "evalsuite.run.workers.worker" in " ".join(child.cmdline()):
                    os.kill(child.pid, signal.SIGKILL)
                    return
            time.sleep(0.01)

    killer = threading.Thread(target=kill_the_first_worker)
    killer.start()
    asked = request(tmp_path / "results", odd_tasks, "smoke-retrieval", "good")
    records = evaluate_request(asked, Console(quiet=True)).records
    killer.join()
    assert [record.status for record in records] == ["failed", "scored"]
    assert "SIGKILL" in (records[0].reason or "")


@pytest.mark.torture  # and in faults.py: "two runs at once"
def test_two_runs_on_one_store_do_each_job_once(odd_tasks: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evalsuite.cli", "run", "--ckpt", "demo:minilm"]
    command += ["--tasks", "good,smoke-sts", "--tasks-dir", str(odd_tasks)]
    command += ["--out", str(tmp_path / "results"), "--reports", str(tmp_path / "reports")]
    runs = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [run.wait(timeout=300) for run in runs] == [0, 0]
    names = sorted(path.name.split(".")[0] for path in tmp_path.rglob("*.r*.json"))
    assert names == ["good", "smoke-sts"]
