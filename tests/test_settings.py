"""Numbers and folders from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite import settings
from evalsuite.errors import UsageError

AT_LEAST = settings.Number("EVALSUITE_TEST", 7.0, "apples", 2)
ABOVE = settings.Number("EVALSUITE_TEST", 7.0, "apples", 2, more_than_least=True)


def test_the_default_counts_unless_the_variable_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVALSUITE_TEST", raising=False)
    assert AT_LEAST.value() == 7.0
    monkeypatch.setenv("EVALSUITE_TEST", "2.5")
    assert AT_LEAST.value() == 2.5


@pytest.mark.parametrize("given", ["", "two", "1.9", "-3", "inf", "-inf", "nan"])
def test_what_is_out_of_range_is_an_error(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("EVALSUITE_TEST", given)
    with pytest.raises(UsageError) as caught:
        AT_LEAST.value()
    assert str(caught.value) == f"EVALSUITE_TEST={given} is not valid; give apples, 2 or more"


def test_the_limit_itself_may_be_out_of_range(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALSUITE_TEST", "2")
    assert AT_LEAST.value() == 2
    with pytest.raises(UsageError, match="give apples, more than 2"):
        ABOVE.value()


def test_folders_are_separated_as_in_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALSUITE_TEST", "/a::~/b")
    assert settings.paths("EVALSUITE_TEST") == [Path("/a"), Path.home() / "b"]
    monkeypatch.delenv("EVALSUITE_TEST")
    assert settings.paths("EVALSUITE_TEST") == []
