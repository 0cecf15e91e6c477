"""Killed runs lose nothing: a bounded part; ``make torture`` kills 200 (``kills.py``)."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from evalsuite.store import Store
from fault_scenarios import CASES
from helpers.records import suite_records
from kill_report import Finding, Kill, read, write
from kills import EMBEDDING, VLLM, _kill_one, play_all, schedule
from real_runs import contents
from summary import _faults, _kills


@pytest.mark.e2e
def test_killed_runs_complete_as_if_undisturbed(tmp_path: Path) -> None:
    rounds = [(number, EMBEDDING) for number in range(4)]
    findings, _ = play_all(rounds, tmp_path, seed=5, jobs=2)
    assert [finding for finding in findings if not finding.good] == []
    assert sum(len(finding.kills) for finding in findings) >= 4


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


GOOD = Finding(
    number=0,
    scenario="embedding",
    kills=(Kill(0.5, "worker", 1, 0.1),),
    seconds=1.0,
    completed=True,
    lost=0,
    duplicated=0,
    corrupt=0,
    different=0,
    same_table=True,
    strays=0,
    leavings=(),
    code="abc1234",
)


def test_the_summary_is_not_taken_in() -> None:
    vllm = replace(GOOD, scenario="vLLM")
    rounds = [asdict(one) for one in [GOOD] * 180 + [vllm] * 20]
    assert _kills({"rounds": rounds})
    assert not _kills({"rounds": rounds[1:]})
    assert not _kills({"rounds": [asdict(GOOD)] * 200})
    left = asdict(replace(GOOD, leavings=("x.tmp",)))
    assert not _kills({"rounds": [left, *rounds[1:]]})
    gone = asdict(replace(GOOD, kills=(Kill(0.5, "gone", 1, 0.1),)))
    assert not _kills({"rounds": [gone, *rounds[1:]]})
    faults = [{"name": name, "seen": "exit code 0", "wrong": []} for name in CASES]
    assert _faults({"faults": faults})
    assert not _faults({"faults": faults[1:]})
    untried = {**faults[0], "seen": "not tried: no root"}
    assert not _faults({"faults": [untried, *faults[1:]]})


def test_what_has_gone_meanwhile_is_no_kill() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    assert _kill_one([ended.pid], 0.0) is None
    alive = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert _kill_one([alive.pid, ended.pid], 0.9) is not None
    assert alive.wait() == -signal.SIGKILL


def test_vllms_last_bits_do_not_count_but_its_scores_do(root: Path) -> None:
    path = min(root.glob("*/*.r1.json"))
    plain = json.loads(path.read_bytes())
    before = contents(root), contents(root, exact=False)
    for change, same in ((1e-9, True), (1e-2, False)):
        path.write_text(json.dumps({**plain, "score": plain["score"] + change}))
        assert contents(root).records != before[0].records
        assert (contents(root, exact=False).records == before[1].records) is same


def test_the_report_counts_what_is_wrong(tmp_path: Path) -> None:
    good = GOOD
    bad = replace(good, number=1, lost=1, completed=False)
    assert good.good
    assert not bad.good
    line = write([good, bad], {"embedding": 9.0}, tmp_path, seed=1)
    assert line.startswith("2 kills (2 transformers, 0 vLLM) in 2 stores: 1 records lost")
    assert "1 of 2 completed, 2 final tables identical" in line
    assert "round 1, embedding" in (tmp_path / "kills.md").read_text()


def test_good_rounds_of_an_earlier_report_can_stay(tmp_path: Path) -> None:
    good = replace(GOOD, kills=(*GOOD.kills, Kill(0.1, "sandbox", 2, 0.0)))
    left = replace(GOOD, number=1, leavings=("x.tmp",), code="def5678")
    write([good, left], {"embedding": 9.0}, tmp_path, seed=1)
    assert read(tmp_path, seed=1) == ([good], {"embedding": 9.0})
    assert read(tmp_path, seed=2) == ([], {})
    assert read(tmp_path / "other", seed=1) == ([], {})
    assert "abc1234 (1 rounds), def5678 (1 rounds)" in (tmp_path / "kills.md").read_text()
