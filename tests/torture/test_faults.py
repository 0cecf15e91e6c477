"""Faults through the real command line: a bounded part; ``faults.py`` makes all of them happen."""

from __future__ import annotations

from pathlib import Path

import pytest

from faults import CASES, run_all
from kills import Reference, Scenario

BOUNDED = (
    "the disk fills up in a job",
    "the engine stops answering",
    "Ctrl-C in a job",
)
"""One of each kind."""


@pytest.mark.e2e
def test_faults_are_survived(tmp_path: Path, undisturbed: dict[Scenario, Reference]) -> None:
    findings = run_all(BOUNDED, tmp_path, undisturbed)
    assert [finding for finding in findings if finding.wrong] == []


def test_every_fault_says_what_must_hold() -> None:
    assert set(BOUNDED) <= CASES.keys()
    assert all((fault.__doc__ or "").strip() for fault, _ in CASES.values())
