"""What ``kills.py`` would see of a store in which something is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.store import Store
from helpers.records import suite_records
from kills import VLLM, kill_one, schedule
from real_runs import contents


def test_the_schedule_has_both_engines() -> None:
    rounds = schedule(200, 20)
    assert [number for number, _ in rounds] == list(range(200))
    assert sum(scenario is VLLM for _, scenario in rounds) == 20


@pytest.fixture
def root(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    for record in suite_records():
        store.put(record, [{"sample": "1", "score": 1.0}])
    return store.root


def test_a_whole_store_is_found_whole(root: Path) -> None:
    found = contents(root)
    assert len(found.records) == len(suite_records())
    assert set(found.jobs.values()) == {1}
    assert (found.unreadable, found.leavings) == ((), ())


def test_what_is_damaged_would_be_seen(root: Path) -> None:
    """The checks themselves."""
    before = contents(root)
    first, second, third, *_ = sorted(root.glob("*/*.r1.json"))
    first.write_bytes(first.read_bytes()[:-100])
    second.with_name(second.name.replace(".r1.", ".r2.")).write_bytes(second.read_bytes())
    plain = json.loads(third.read_bytes())
    third.write_text(json.dumps({**plain, "score": 0.123}))
    samples = max(root.glob("*/*.samples.parquet"))
    samples.write_bytes(b"other")
    (root / "x").mkdir()
    (root / "x" / ".half.tmp").touch()
    (root / ".work" / "a-b").mkdir(parents=True)
    after = contents(root)
    assert len(after.unreadable) >= 2
    assert 2 in after.jobs.values()
    name = str(third.relative_to(root))
    assert after.records[name] != before.records[name]
    assert after.leavings == (".work/a-b", "x/.half.tmp")


def test_times_are_not_compared(root: Path) -> None:
    before = contents(root)
    path = min(root.glob("*/*.r1.json"))
    plain = json.loads(path.read_bytes())
    path.write_text(json.dumps({**plain, "created": "2031-01-01T00:00:00Z"}))
    after = contents(root)
    assert after.records == before.records
    assert after.bytes != before.bytes


def test_what_has_gone_meanwhile_is_no_kill() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert kill_one([ended.pid], 0.0) is None
    alive = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert kill_one([alive.pid, ended.pid], 0.9) is not None
    assert alive.wait() == -signal.SIGKILL


def test_vllms_last_bits_do_not_count_but_its_scores_do(root: Path) -> None:
    path = min(root.glob("*/*.r1.json"))
    plain = json.loads(path.read_bytes())
    before = contents(root), contents(root, exact=False)
    for change, same in ((1e-9, True), (1e-2, False)):
        path.write_text(json.dumps({**plain, "score": plain["score"] + change}))
        assert contents(root).records != before[0].records
        assert (contents(root, exact=False).records == before[1].records) is same
