"""``evalsuite tasks list`` with words."""

from __future__ import annotations

import pytest

from evalsuite.commands.tasks import overview, overview_document
from evalsuite.errors import UsageError
from evalsuite.registry.load import Registry


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.load([])


def listed(registry: Registry, *words: str) -> list[str]:
    return [task.name for task in overview_document(registry, words).tasks]


def test_a_word_may_stand_in_name_category_or_description(registry: Registry) -> None:
    found = listed(registry, "sts")
    assert {"STSBenchmark", "smoke-sts", "BIOSSES"} <= set(found)  # BIOSSES by its category
    assert "SciFact" not in found
    assert listed(registry, "STS") == found
    assert "smoke-reading" in listed(registry, "passage")


def test_all_words_must_fit_and_patterns_match_names(registry: Registry) -> None:
    assert listed(registry, "smoke-*", "sts") == ["smoke-sts"]
    assert set(listed(registry, "smoke-*")) <= set(listed(registry, "smoke"))
    suites = overview_document(registry, ["smoke-*"]).suites
    assert [one.name for one in suites] == ["smoke-embedding", "smoke-generative"]


def test_empty_parts_are_left_out(registry: Registry) -> None:
    lines = overview(registry, ["smoke-sts"]).splitlines()
    assert lines[0] == "Tasks"
    assert [line.split()[0] for line in lines[1:]] == ["smoke-sts"]
    assert overview(registry).splitlines()[0] == "Suites"


def test_a_word_that_nothing_has(registry: Registry) -> None:
    with pytest.raises(UsageError, match="nothing has 'smoke' and 'xyzzy' in its name"):
        overview_document(registry, ["smoke", "xyzzy"])
