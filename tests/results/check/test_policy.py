"""Policies: strict files, tolerances by task before category before default."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.errors import UsageError
from evalsuite.registry.load import Registry
from evalsuite.results.check.policy import Policy, Tolerance, load_policy


def written(folder: Path, text: str) -> str:
    path = folder / "policy.yaml"
    path.write_text(text)
    return str(path)


def test_the_task_goes_before_its_category_and_that_before_the_default() -> None:
    tolerance = Tolerance(default=1, categories={"STS": 0.5}, tasks={"x": 0})
    assert tolerance.of("x", "STS") == 0
    assert tolerance.of("y", "STS") == 0.5
    assert tolerance.of("y", "Retrieval") == 1
    assert tolerance.of("y", None) == 1


def test_a_policy_is_read(tmp_path: Path) -> None:
    policy = load_policy(
        written(
            tmp_path,
            "suite: smoke\ntolerance: {default: 2, tasks: {smoke-sts: 4}}\n"
            "required: [smoke-sts]\ninconclusive: fail\n",
        )
    )
    assert policy.tolerance.of("smoke-sts", None) == 4
    assert policy.required == ("smoke-sts",)
    assert policy.is_required("smoke-sts", in_baseline=False)
    assert not policy.is_required("smoke-code", in_baseline=True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("tolerence: {default: 1}\n", "policy.yaml:1: tolerence"),
        ("suite: smoke\ntolerance: {default: -1}\n", "policy.yaml:2: tolerance.default"),
        ("significance: 0.9\n", "policy.yaml:1: significance"),
        ("tolerance: {default: .inf}\n", "tolerance.default"),
        ("inconclusive: maybe\n", "policy.yaml:1: inconclusive"),
        ("- a\n", "expected a mapping that describes a policy"),
    ],
)
def test_what_is_not_a_policy_is_refused_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(UsageError) as error:
        load_policy(written(tmp_path, text))
    assert message in error.value.line


def test_names_are_checked_against_the_suite() -> None:
    registry = Registry.load()
    suite = registry.suite("smoke")
    categories = frozenset(c for t in suite.tasks if (c := registry.task(t).category))
    Policy(tolerance=Tolerance(categories={"STS": 1})).check_names(suite.members, categories)
    for policy, hint in (
        (Policy(tolerance=Tolerance(tasks={"smoke-st": 1})), "did you mean smoke-sts"),
        (Policy(tolerance=Tolerance(categories={"Sts": 1})), "did you mean STS?"),
        (Policy(required=("smoke-cod",)), "did you mean smoke-code"),
    ):
        with pytest.raises(UsageError, match="the policy names") as error:
            policy.check_names(suite.members, categories)
        assert hint in error.value.line


def test_the_shipped_policy_fits_its_suite() -> None:
    registry = Registry.load()
    policy = load_policy("smoke")
    suite = registry.suite(policy.suite)
    categories = frozenset(c for t in suite.tasks if (c := registry.task(t).category))
    policy.check_names(suite.members, categories)
    with pytest.raises(UsageError, match="did you mean smoke"):
        load_policy("smok")
