"""The halves of the built-in suite: together they are the suite, and each has a policy."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.kinds.table import kind_of
from evalsuite.paths import shipped_tasks
from evalsuite.registry.load import Registry
from evalsuite.results.check.policy import load_policy
from evalsuite.results.tables.build import build_table
from helpers.records import suite_records

REGISTRY = Registry.load()
HALVES = ("smoke-embedding", "smoke-generative")


def test_the_halves_are_the_suite() -> None:
    whole = REGISTRY.suite("smoke")
    halves = [REGISTRY.suite(name) for name in HALVES]
    assert tuple(task for half in halves for task in half.tasks) == whole.tasks
    assert tuple(section for half in halves for section in half.sections) == whole.sections


@pytest.mark.parametrize("name", HALVES)
def test_a_half_is_of_one_world(name: str) -> None:
    worlds = {kind_of(task).world for task in REGISTRY.suite_tasks(REGISTRY.suite(name))}
    assert worlds == {name.removeprefix("smoke-")}


@pytest.mark.parametrize("name", HALVES)
def test_its_average_is_that_of_the_whole_suite(name: str) -> None:
    categories = {task.name: task.category for task in REGISTRY.tasks.values()}

    def averages(suite: str) -> list[float | None]:
        table = build_table(suite_records(), REGISTRY.suite(suite), categories=categories)
        world = name.removeprefix("smoke-")
        places = [s.world for s in table.sections for _ in s.columns]
        return [
            row.cells[index].value
            for row in table.rows
            for index, head in enumerate(table.heads)
            if head.average and places[index] == world
        ]

    assert averages(name) == averages("smoke")
    assert None not in averages(name)


@pytest.mark.parametrize("path", sorted((shipped_tasks() / "policies").glob("*.yaml")), ids=str)
def test_every_policy_names_what_its_suite_has(path: Path) -> None:
    policy = load_policy(path.stem)
    tasks = REGISTRY.suite(policy.suite).members
    categories = {REGISTRY.tasks[task].category for task in tasks if task in REGISTRY.tasks}
    policy.check_names(tasks, frozenset(filter(None, categories)))
    assert path.stem == policy.suite
