"""The store with several processes, living and dead."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from pathlib import Path

from evalsuite.schema import digest
from evalsuite.store import Store
from helpers.records import record
from helpers.store_writers import put_many


def test_four_processes_at_once_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=put_many, args=(str(tmp_path), n)) for n in (0, 10, 20, 30)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    store = Store(tmp_path)
    found = store.find(digest("m"), record().signature.plan_key)
    assert sorted(round(100 * (one.score or 0)) for one in found) == list(range(40))
    assert not store.problems
    for one in found:
        assert store.samples_path(one) is not None


def test_only_what_dead_processes_left_is_cleared(tmp_path: Path) -> None:
    store = Store(tmp_path)
    folder = store.put(record()).parent
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = os.uname().nodename
    gone = folder / f".a.json.{host}.{dead.pid}.tmp"
    alive = folder / f".a.json.{host}.{os.getpid()}.tmp"
    elsewhere = folder / f".a.json.other-machine.{dead.pid}.tmp"
    for path in (gone, alive, elsewhere):
        path.write_text("half")
    store.prepare()
    assert [path.exists() for path in (gone, alive, elsewhere)] == [False, True, True]


def test_a_finished_job_leaves_no_trace(tmp_path: Path) -> None:
    store, made = Store(tmp_path), record()
    key = made.signature.plan_key
    folder = store.job_folder(made.checkpoint, key)
    (folder / "responses.jsonl").write_text("{}\n")
    with store.job_lock(made.checkpoint, key):
        store.finish_job(made.checkpoint, key)
    assert not list((tmp_path / ".work").iterdir())
