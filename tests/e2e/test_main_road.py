"""The main road on real public data: the command line, the real engines, one table.

The processes killed here are started here.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from evalsuite.engines.protocols import Completion
from evalsuite.paths import cache_dir
from evalsuite.prompting.response_log import ResponseLog
from evalsuite.schema import Record
from evalsuite.store import Store

pytestmark = [pytest.mark.e2e, pytest.mark.realdata]

COMMAND = [sys.executable, "-m", "evalsuite.cli"]
PLANTED = "planted by this test"


def command(out: Path, *arguments: str) -> list[str]:
    return [*COMMAND, "run", "--out", str(out), "--reports", str(out / "reports"), *arguments]


def run(out: Path, *arguments: str) -> str:
    done = subprocess.run(
        command(out, *arguments), capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def scores(out: Path) -> dict[tuple[str, str], Record]:
    store = Store(out)
    found = {(r.checkpoint.name, r.signature.task): r for r in store.records()}
    assert not store.problems
    return found


def kill_when(out: Path, ready: Callable[[], bool], *arguments: str) -> None:
    """Start a run, kill its first process once ``ready``, and see that no process is left."""
    parent = subprocess.Popen(command(out, *arguments), stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 300
        while not ready():
            assert parent.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline, "the run did not get far enough to be killed"
            time.sleep(0.05)
        family = psutil.Process(parent.pid).children(recursive=True)
        assert family, "the engine runs in a process of its own"
    finally:
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert not alive, f"left behind: {alive}"


@pytest.fixture(scope="module")
def published(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("published")
    return out, run(out, *minilm(shared_data))


# embeddings-benchmark/results, sentence-transformers/all-MiniLM-L6-v2.
PUBLISHED = {
    "mteb:STSBenchmark": 0.820325,
    "mteb:STS13": 0.8060317,
    "mteb:Banking77Classification": 0.80042,
}


def minilm(shared_data: Path) -> tuple[str, ...]:
    """What is asked of all-MiniLM-L6-v2."""
    data = ("--data", str(shared_data / "hub"), "--dtype", "float32")
    return ("--ckpt", "demo:minilm", "--tasks", ",".join(PUBLISHED), *data)


def test_published_scores_stand_in_one_table(published: tuple[Path, str]) -> None:
    out, _ = published
    found = scores(out)
    for task, value in PUBLISHED.items():
        record = found["minilm", task]
        assert record.score == pytest.approx(value, abs=5e-5)
        assert record.stderr is not None
        assert 0.003 < record.stderr < 0.02
        assert record.data is not None
        assert record.data.source == "local"
    table = subprocess.run(
        [*COMMAND, "table", "--out", str(out), "--format", "csv"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert all(score in table for score in ("82.03", "80.60", "80.04"))


def test_nothing_to_do_loads_no_model(published: tuple[Path, str], shared_data: Path) -> None:
    out, _ = published
    text = run(out, *minilm(shared_data))
    assert "3 jobs: 0 to run, 3 already stored" in text
    assert "loading" not in text


@pytest.mark.torture  # a killed embedding of less: tests/torture/test_real_runs.py
def test_killed_embedding_goes_on_and_ends_the_same(
    published: tuple[Path, str],
    shared_data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    # The converted checkpoint, but no vectors.
    (cache / "checkpoints").symlink_to(cache_dir().absolute() / "checkpoints")
    monkeypatch.setenv("EVALSUITE_CACHE", str(cache))
    undisturbed = scores(published[0])["minilm", "mteb:Banking77Classification"]
    arguments = ("--ckpt", "demo:minilm", "--tasks", "mteb:Banking77Classification")
    data = ("--data", str(shared_data / "hub"), "--dtype", "float32")
    out = tmp_path / "results"

    def shards() -> dict[str, int]:
        return {path.name: path.stat().st_ino for path in cache.glob("vectors/*/*.npy")}

    kill_when(out, lambda: len(shards()) >= 3, *arguments, *data)
    assert not scores(out), "nothing half-done is a record"
    before = shards()
    run(out, *arguments, *data)
    resumed = scores(out)["minilm", "mteb:Banking77Classification"]
    assert len(before) >= 3
    assert before.items() <= shards().items(), "what was there was not made again"
    assert resumed.score == undisturbed.score, "to the bit"
    assert resumed.metrics == undisturbed.metrics


def test_killed_gsm8k_goes_on_answer_by_answer(shared_data: Path, tmp_path: Path) -> None:
    arguments = ("--ckpt", "demo:smollm2", "--tasks", "lm_eval:gsm8k_cot", "--limit", "16")
    data = ("--data", str(shared_data / "hub"))

    def log() -> Path | None:
        return next(tmp_path.glob(".work/*/responses.jsonl"), None)

    def answers() -> list[str]:
        found = log()
        lines = found.read_text().splitlines(keepends=True) if found else []
        return [json.loads(line)["text"] for line in lines if line.endswith("\n")]

    kill_when(tmp_path, lambda: len(answers()) >= 4, *arguments, *data)
    kept = answers()
    assert 4 <= len(kept) < 16
    left = log()
    assert left is not None
    # An answer that no model gives shows that it is not asked for again; the kill tore a line.
    key = json.loads(left.read_text().splitlines()[0])["key"]
    with ResponseLog(left) as opened:
        opened.append([(key, Completion(PLANTED, 3, "stop"))])
    with left.open("ab") as stream:
        stream.write(b'{"key": "torn')
    run(tmp_path, *arguments, *data)
    record = scores(tmp_path)["smollm2", "lm_eval:gsm8k_cot"]
    assert record.signature.engine.startswith("vllm")
    assert record.n == 16
    path = Store(tmp_path).samples_path(record)
    assert path is not None
    import pandas as pd

    samples = pd.read_parquet(path)
    assert samples["sample"].nunique() == len(samples) == 16
    final = list(samples["response"])
    assert final.count(PLANTED) == 1
    assert all(any(answer.startswith(text) for text in final) for answer in kept[1:])
    assert not list(tmp_path.glob(".work/*/responses.jsonl")), "a finished job leaves no log"


def test_a_grit_adapter_in_both_worlds_above_its_base(shared_data: Path, tmp_path: Path) -> None:
    adapter = str(shared_data / "checkpoints" / "smollm2-grit-unified")
    limits = ("--limit", "400", "--data", str(shared_data / "hub"))
    both = ("--tasks", "mteb:STSBenchmark,smoke-multiple-choice")
    # Its files have no sign of GRIT training, and its name decides nothing.
    grit = ("--base", "demo:smollm2", "--protocol", "grit")
    run(tmp_path, "--ckpt", adapter, *grit, *both, *limits)
    sts = ("--tasks", "mteb:STSBenchmark", "--protocol", "grit")
    run(tmp_path, "--ckpt", "demo:smollm2", *sts, *limits)
    found = scores(tmp_path)
    assert found["smollm2-grit-unified", "smoke-multiple-choice"].score is not None
    unified = found["smollm2-grit-unified", "mteb:STSBenchmark"]
    base = found["smollm2", "mteb:STSBenchmark"]
    assert unified.signature.attention == "bidirectional"
    assert unified.signature.protocol == base.signature.protocol
    assert unified.score is not None
    assert base.score is not None
    # The checkpoints' README: 21.3 against 5.1 on every third of the first 1,180 pairs.
    assert unified.score > base.score + 0.08
