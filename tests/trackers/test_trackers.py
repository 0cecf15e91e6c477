"""Trackers: what they get, with the real packages where they are installed, and how they fail."""

from __future__ import annotations

import importlib.util
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

import evalsuite
from evalsuite.errors import ExitCode, UsageError
from evalsuite.registry.load import Registry
from evalsuite.run.options import Request
from evalsuite.store import Store
from evalsuite.trackers.collect import series_of, tracked_check, tracked_records
from evalsuite.trackers.model import Alert, Target, Tracked
from evalsuite.trackers.send import send
from helpers.command_line import command
from helpers.page_store import fill, make_records
from helpers.records import record

CHILD = """import subprocess, sys, time
    subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
    time.sleep(60)"""
KEY = "secret-0123456789abcdef"


@pytest.fixture(scope="module")
def tracked(tmp_path_factory: pytest.TempPathFactory) -> list[Tracked]:
    """Two checkpoints of one training, with a verdict and a page."""
    folder = tmp_path_factory.mktemp("tracked")
    page = folder / "report.html"
    page.write_text("<p>page</p>")
    store, registry = Store(folder / "results"), Registry.load()
    fill(store, make_records(("one", "two")))
    found = tracked_records(store.records(), registry.suite("smoke"), registry, store, [page])
    alert = Alert(title="evalsuite: REGRESSION", text="worse", good=False)
    return [
        one.model_copy(update={"series": "training", "step": 1000 * (place + 1), "alert": alert})
        for place, one in enumerate(found)
    ]


def test_what_is_logged_is_what_tables_show(tracked: Sequence[Tracked]) -> None:
    first, second = tracked
    # As made: every second or third of 30 samples is wrong.
    assert first.scores["smoke-sts/accuracy"] == pytest.approx(50)
    assert second.scores["smoke-sts/accuracy"] == pytest.approx(100 * 20 / 30)
    assert second.scores["average/Embedding"] == pytest.approx(100 * 20 / 30)
    assert {samples.task for samples in first.samples} >= {"smoke-sts", "smoke-code"}
    assert all(len(samples.rows) == 30 for samples in first.samples)


def test_a_verdict_has_the_scores_of_its_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    fill(store, make_records(("worse", "better")))  # 50 and 66.7 on every task
    found = evalsuite.check("worse", "better", suite="smoke", results=store.root)
    logged = tracked_check(found.result, store.records(), [])
    assert logged.scores["smoke-sts/accuracy"] == pytest.approx(50)
    assert logged.scores["smoke-sts/delta"] == pytest.approx(50 - 100 * 20 / 30)
    assert logged.alert is not None
    assert logged.alert.good is found.passed
    assert found.headline in logged.alert.text


def test_checkpoints_of_a_training_share_a_series() -> None:
    ref = record().checkpoint
    step = ref.model_copy(update={"source": "runs/mine/checkpoint-500", "step": 500})
    assert series_of(step) == "mine"
    assert series_of(ref.model_copy(update={"step": None})) == ref.name


def test_targets() -> None:
    request = Request.model_validate({"log": "wandb:team,trackio"})
    assert [(one.tracker, one.project) for one in request.log] == [
        ("wandb", "team"),
        ("trackio", "evalsuite"),
    ]
    with pytest.raises(UsageError, match="did you mean wandb"):
        Target.model_validate("wandbb")


def test_a_tracker_that_is_not_installed_is_refused_before_anything_runs(tmp_path: Path) -> None:
    missing = [name for name in ("wandb", "mlflow", "trackio") if not _installed(name)]
    if not missing:
        pytest.skip("all trackers are installed")
    done = command("run", "--ckpt", "demo:minilm", "--log", missing[0], cwd=tmp_path)
    assert done.returncode == ExitCode.USAGE
    assert f"pip install 'evalsuite[{missing[0]}]'" in done.stderr
    assert list(tmp_path.iterdir()) == []


def _installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (f"raise ConnectionError('no way to https://u:{KEY}@host with {KEY}')", "ConnectionError"),
        ("import os; os._exit(3)", "ended with 3"),
        ("import time; time.sleep(60)", "no end after 1 s"),
        (CHILD, "no end after 1 s"),
    ],
)
def test_a_tracker_that_fails_or_hangs_is_a_line(
    code: str,
    said: str,
    tracked: Sequence[Tracked],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "trackio.py").write_text(f"def init(**given):\n    {code}\n")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}")
    hangs = "sleep" in code
    monkeypatch.setenv("EVALSUITE_TRACKER_SECONDS", "1" if hangs else "60")
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    begun = time.monotonic()
    (line,) = send([Target(tracker="trackio")], tracked)
    assert line.startswith("not logged to trackio: ")
    assert said in line
    assert KEY not in line
    assert time.monotonic() - begun < (10 if hangs else 60)


def test_wandb_offline(
    tracked: Sequence[Tracked], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("wandb", reason="wandb is not installed: bench/trackers.py runs it")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    assert send([Target(tracker="wandb", project="p")], tracked) == []
    (run,) = tmp_path.glob("wandb/offline-run-*")
    tables = list((run / "files" / "media" / "table" / "samples").glob("smoke-sts*.json"))
    assert len(tables) == 2
    assert len(json.loads(tables[0].read_text())["data"]) == 30
    log = next(run.glob("*.wandb")).read_bytes()
    assert b"smoke-sts/accuracy" in log
    assert b"checkpoint_step" in log
    assert b"evalsuite: REGRESSION" in log
    assert all(KEY.encode() not in path.read_bytes() for path in run.rglob("*") if path.is_file())


def test_trackio_in_a_local_data_base(
    tracked: Sequence[Tracked], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("trackio", reason="trackio is not installed: bench/trackers.py runs it")
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    for one in tracked:  # in two calls, as while a training goes on
        assert send([Target(tracker="trackio", project="p")], [one]) == []
    with sqlite3.connect(tmp_path / "p.db") as db:
        rows = db.execute("select run_name, step, metrics from metrics order by step").fetchall()
        alerts = db.execute("select title, level from alerts").fetchall()
    assert [(name, step) for name, step, _ in rows] == [("training", 1000), ("training", 2000)]
    assert json.loads(rows[1][2])["smoke-sts/accuracy"] == pytest.approx(100 * 20 / 30)
    assert alerts == [("evalsuite: REGRESSION", "error")] * 2


def test_mlflow_in_a_local_file(
    tracked: Sequence[Tracked], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("mlflow", reason="mlflow is not installed: bench/trackers.py runs it")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    for one in tracked:
        assert send([Target(tracker="mlflow", project="p")], [one]) == []
    code = (
        "import mlflow; (run,) = mlflow.search_runs(experiment_names=['p'], output_format='list');"
        "c = mlflow.MlflowClient();"
        "h = c.get_metric_history(run.info.run_id, 'smoke-sts/accuracy');"
        "print([(m.step, round(m.value, 4)) for m in h], run.data.tags['verdict']);"
        "print([f.path for f in c.list_artifacts(run.info.run_id, 'reports')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    scores, artifacts = done.stdout.splitlines()[-2:]
    assert scores == "[(1000, 50.0), (2000, 66.6667)] evalsuite: REGRESSION"
    assert artifacts == "['reports/step-1000', 'reports/step-2000']"
