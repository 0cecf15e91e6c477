"""Programs that a model might write: none escapes, hangs the run, or gets a pass it did not earn.

Those that only the clock ends take seconds each; of them ``make test`` runs a few, ``make
torture`` all (``python tests/torture/hostile_programs.py``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from evalsuite.sandbox.sandbox import Sandbox, probe
from hostile_programs import HONEST, HOSTILE, World, run, world, write

UNTIL_THE_CLOCK = {
    "disk_small_files", "endless_import", "endless_output", "endless_sleep", "huge_int",
    "ignores_limits", "memory_doubling", "slow_regex",
}  # fmt: skip
"""Left to ``make torture``; ``endless_loop`` and ``stops_itself`` stay for them."""
QUICK = [path for path in HOSTILE if path.stem not in UNTIL_THE_CLOCK]


@pytest.fixture(scope="module")
def box() -> Sandbox:
    found = probe()
    if isinstance(found, str):
        pytest.skip(found)
    return found


@pytest.fixture(scope="module")
def around() -> Iterator[World]:
    with world() as targets:
        yield targets


def test_each_says_what_it_tries_and_what_must_hold() -> None:
    assert {path.stem for path in HOSTILE} >= UNTIL_THE_CLOCK
    for path in HOSTILE:
        tries, holds = path.read_text(encoding="utf-8").splitlines()[:2]
        assert tries.startswith("# Tries: "), path
        assert holds.startswith("# Must hold: "), path


@pytest.mark.e2e
@pytest.mark.parametrize("path", QUICK, ids=lambda path: path.stem)
def test_a_hostile_program_is_contained(path: Path, around: World, box: Sandbox) -> None:
    assert run(path, around, box).harm == ()


@pytest.mark.parametrize("path", HONEST, ids=lambda path: path.stem)
def test_an_honest_program_passes(path: Path, around: World, box: Sandbox) -> None:
    assert run(path, around, box).harm == ()


def test_an_escape_would_be_seen(around: World, box: Sandbox, tmp_path: Path) -> None:
    """The checks themselves: a program that gives right answers counts as one that escaped."""
    path = tmp_path / "hostile" / "right.py"
    path.parent.mkdir()
    path.write_text("# Tries: x\n# Must hold: y\ndef solve(numbers): return sum(numbers)\n")
    finding = run(path, around, box)
    assert finding.harm == ("outcome passed",)
    assert write([finding], tmp_path).startswith("0 of 1 hostile programs contained")
    assert "outcome passed" in (tmp_path / "programs.md").read_text()
