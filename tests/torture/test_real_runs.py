"""Killed and disturbed runs through the real command line: one of each kind.

``make torture`` kills 200 (``kills.py``) and makes all faults happen (``faults.py``).
"""

from __future__ import annotations

from pathlib import Path

import pytest

from faults import CASES, run_all
from kills import EMBEDDING, Reference, Scenario, play_all, reference
from real_runs import adopt_orphans

BOUNDED = (
    "the disk fills up in a job",
    "the engine stops answering",
    "Ctrl-C in a job",
)
TWICE = 9
"""Number of a round that is killed twice."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[Scenario, Reference]:
    """What a run leaves that nothing disturbs."""
    adopt_orphans()
    return {EMBEDDING: reference(EMBEDDING, tmp_path_factory.mktemp("undisturbed"))}


@pytest.mark.e2e
def test_a_killed_run_completes_as_if_undisturbed(
    tmp_path: Path, undisturbed: dict[Scenario, Reference]
) -> None:
    [finding] = play_all([(TWICE, EMBEDDING)], tmp_path, seed=5, expected=undisturbed)
    assert finding.good, finding
    assert finding.kills


@pytest.mark.e2e
def test_faults_are_survived(tmp_path: Path, undisturbed: dict[Scenario, Reference]) -> None:
    findings = run_all(BOUNDED, tmp_path, undisturbed)
    assert [finding for finding in findings if finding.wrong] == []


def test_every_fault_says_what_must_hold() -> None:
    assert set(BOUNDED) <= CASES.keys()
    assert all((fault.__doc__ or "").strip() for fault, _ in CASES.values())
