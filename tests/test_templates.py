"""Templates of task files reach nothing but their row, and come to an end."""

from __future__ import annotations

import time

import pytest
from jinja2 import TemplateError

from evalsuite.templates import compiled, first_problem, rendered

ROW = {"question": "Why?", "choices": ["a", "b"], "n": 3, "label": None}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{{ question | trim }}\n", "Why?\n"),
        ("{% for c in choices %}{{ loop.index }}. {{ c }} {% endfor %}", "1. a 2. b "),
        ("{% for i in range(n) %}{% for c in choices %}{{ c }}{% endfor %}{% endfor %}", "ababab"),
        ("{{ choices[n - 2] }} {{ 2 ** 3 * n }} {{ n % 2 }}", "b 24 1"),
        ("{% if label is none %}-{% else %}+{% endif %}", "-"),
        ("{{ 'Who' ~ question[3:] }} {{ choices | tojson }}", 'Who? ["a", "b"]'),
        ("{{ question | regex_replace('W', 'w') | upper }}", "WHY?"),
        ("{% set x = choices | join(', ') %}{{ x }}", "a, b"),
    ],
)
def test_what_templates_are_for(template: str, text: str) -> None:
    assert rendered(compiled(template), ROW) == text
    assert first_problem({"prompt": template}, [ROW]) is None


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ ''['__cl' ~ 'ass__'] }}",
        "{{ '' | attr('__class__') }}",
        "{{ choices | map(attribute='__class__') | list }}",
        "{{ '{0.__class__}'.format(n) }}",
        # What differs where there is no sandbox could be used to behave well in it alone.
        "{% if ''.__class__ is defined %}evil{% endif %}",
        "{% if 'safe' in range | string %}good{% else %}evil{% endif %}",
        "{% if [1, 2] | random == 1 %}evil{% endif %}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ lipsum }}",
        "{{ namespace }}",
        "{{ self.__init__ }}",
        "{% include 'x' %}",
        "{% import 'x' as y %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% for a in range(1001) %}x{% endfor %}",
        "{% for a in range(10) recursive %}{{ loop([1]) }}{% endfor %}",
        "{% for a in n %}{% for b in a %}{% for c in b %}{% endfor %}{% endfor %}{% endfor %}",
        "{{ 'x' * 10 ** 9 }}",
        "{{ choices * 10 ** 9 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ 'x' | center(10 ** 9) }}",
        "{{ 1 / 0 }}",
        "{{ choices.append(1) }}",
        "{{ missing }}",
        "{{ question",
        "{{ question | no_such }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    ],
)
def test_what_they_are_not_for(template: str) -> None:
    started = time.monotonic()
    problem = first_problem({"prompt": template}, [ROW])
    assert problem is not None
    assert "\n" not in problem[2]
    assert time.monotonic() - started < 5


def test_a_row_that_does_not_fit_is_named() -> None:
    rows = [ROW, {**ROW, "n": "three"}]
    assert first_problem({"target": "{{ n + 1 }}"}, rows) == (
        "target", 2, 'TypeError: can only concatenate str (not "int") to str'
    )  # fmt: skip
    with pytest.raises(TemplateError):
        compiled("{% endfor %}")
