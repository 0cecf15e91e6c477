"""Faults through the real command line: a bounded part; ``faults.py`` makes all of them happen."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults import CASES, Finding, run_all, write

BOUNDED = (
    "the disk fills up in a job",
    "the engine stops answering",
    "Ctrl-C at the start",
    "Ctrl-C while the engine loads",
    "Ctrl-C in a job",
)


@pytest.mark.e2e
def test_faults_are_survived(tmp_path: Path) -> None:
    findings = run_all(BOUNDED, tmp_path)
    assert [finding for finding in findings if finding.wrong] == []


def test_every_fault_says_what_must_hold() -> None:
    assert set(BOUNDED) <= CASES.keys()
    assert all((fault.__doc__ or "").strip() for fault, _ in CASES.values())


def test_what_is_wrong_is_counted(tmp_path: Path) -> None:
    findings = [
        Finding("a", "holds", "exit code 6", 1.0, ()),
        Finding("b", "holds", "exit code 0", 1.0, ("records differ",)),
        Finding("c", "holds", "not tried: no root", 0.0, ()),
    ]
    line = write(findings, tmp_path)
    assert line.startswith("1 of 2 faults survived")
    assert line.endswith("1 not tried here")
    assert "| b | holds | exit code 0 | 1 | yes |" in (tmp_path / "faults.md").read_text()
