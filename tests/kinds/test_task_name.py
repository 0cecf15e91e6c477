"""Names of a harness's tasks with settings."""

from __future__ import annotations

import pytest

from evalsuite.errors import UsageError
from evalsuite.kinds.table import harness_task
from evalsuite.kinds.task_name import has_settings, parse_name
from evalsuite.options import names
from evalsuite.registry.chosen import named_tasks
from evalsuite.registry.load import Registry


def test_a_name_has_one_form_whatever_the_order() -> None:
    found = parse_name("mteb:STS17?subsets=b+a&splits=test")
    assert found is not None
    assert found.settings == {"splits": ("test",), "subsets": ("a", "b")}
    assert found.text == "mteb:STS17?splits=test&subsets=a+b"
    assert parse_name("smoke-sts") is None


def test_what_is_not_letters_is_written_as_in_addresses() -> None:
    found = parse_name("lm_eval:x?stop=%0A%0A+a%2Bb")
    assert found is not None
    assert found.settings == {"stop": ("\n\n", "a+b")}
    assert parse_name(found.text) == found


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mteb:STS17?subsets", "'subsets' is not a setting"),
        ("mteb:STS17?subsets=", "'subsets=' is not a setting"),
        ("mteb:STS17?subsets=a&subsets=b", "gives 'subsets' twice"),
        ("mteb:STS17?subset=a", "have no setting 'subset'; did you mean subsets"),
        ("mteb:STS17?metric=a+b", "'metric' takes one value, not a and b"),
    ],
)
def test_a_wrong_setting_is_refused_in_one_line(name: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        harness_task(name)
    assert said in refused.value.line


def test_settings_are_no_pattern() -> None:
    assert has_settings("mteb:STS17?subsets=en-en")
    assert not has_settings("smoke-?ts")
    wanted = ("mteb:STS17?subsets=en-en", "smoke-st?")
    assert named_tasks(Registry.load(), wanted) == ("mteb:STS17?subsets=en-en", "smoke-sts")


def test_a_comma_in_parentheses_belongs_to_a_name() -> None:
    assert names("mteb:X?subsets=MTEB(Europe, v1), smoke-sts") == (
        "mteb:X?subsets=MTEB(Europe, v1)",
        "smoke-sts",
    )
