"""The groups of cases: each has a test that holds it, and something that tries it."""

from __future__ import annotations

from pathlib import Path

import pytest

import cases
import cases_imports
from cases_tools import Line

ROOT = Path(__file__).parents[2]


def test_every_group_is_tried_and_has_a_test() -> None:
    assert list(cases.all_cases()) == [f"F{number}" for number in range(1, 18)]
    assert [test for _, test in cases.ABOUT.values() if not (ROOT / test).is_file()] == []


@pytest.mark.parametrize("group", ["F11", "F12"])
def test_a_group_through_the_command_line(group: str, tmp_path: Path) -> None:
    """The quick ones; all of them: ``python bench/cases.py``."""
    line = Line(tmp_path)
    cases_imports.CASES[group](line)
    assert line.found
    assert [found for found in line.found if found.outcome == "WRONG"] == []
