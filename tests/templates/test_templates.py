"""Templates of task files reach nothing but their row, and come to an end."""

from __future__ import annotations

import resource
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError

from evalsuite.errors import UsageError
from evalsuite.kinds.lm_eval import expressions
from evalsuite.kinds.table import make_task
from evalsuite.templates.renderer import (
    BadTemplateError,
    Renderer,
)
from evalsuite.templates.safe_jinja import compiled, reason, rendered

ROW = {"question": "Why?", "choices": ["a", "b"], "n": 3, "label": None}


def first_problem(
    templates: Mapping[str, str], rows: Iterable[Mapping[str, Any]]
) -> BadTemplateError | None:
    """The first error that rendering some rows raises; ``None`` if all is well."""
    try:
        with Renderer(templates) as renderer:
            list(renderer.texts(rows))
    except BadTemplateError as problem:
        return problem
    return None


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
        "{{ 'x'.ljust(10 ** 6) }}",
        "{% for a in question.rjust(width=10 ** 6) %}x{% endfor %}",
        "{% set f = question.zfill %}{{ f(10 ** 6) }}",
        "{{ 1 / 0 }}",
        "{{ choices.append(1) }}",
        "{{ missing }}",
        "{{ question",
        "{{ question | no_such }}",
        "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    ],
)
def test_what_they_are_not_for(template: str) -> None:
    with pytest.raises((TemplateError, RecursionError)) as caught:
        rendered(compiled(template), ROW)
    assert reason(caught.value)
    assert "\n" not in reason(caught.value)


LONG = "a" * 50
ENDLESS = {
    "loops over long texts": "{% set t = 'x'.ljust(1000) %}{% for a in t ~ t %}"
    "{% for b in t ~ t ~ t ~ t ~ t ~ t %}{% set z = t | upper | title | lower %}"
    "{% endfor %}{% endfor %}",
    "a pattern, while it is compiled": "{{ '" + LONG + "!' | regex_replace('(a+)+$', '') }}",
    "a pattern": "{{ ('" + LONG + "!' ~ question) | regex_replace('(a+)+$', '') }}",
}


@pytest.mark.parametrize("template", ENDLESS.values(), ids=ENDLESS.keys())
def test_what_does_not_end_is_ended(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalsuite.templates.renderer.MAX_SECONDS", 0.5)
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    problem = first_problem({"good": "{{ n }}", "prompt": template}, [ROW])
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    assert problem is not None
    assert (problem.key, problem.why) == ("prompt", "it does not come to an end")
    assert used < 2.5


def test_what_all_rows_take_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalsuite.templates.renderer.MAX_SECONDS", 0.3)
    monkeypatch.setattr("evalsuite.templates.renderer.SECONDS_PER_TEXT", 1e-5)
    slow = "{% for a in range(1000) %}{% for b in range(30) %}{{ b }}{% endfor %}{% endfor %}"
    problem = first_problem({"prompt": slow}, [ROW] * 2000)
    assert problem is not None
    assert problem.why == "it does not come to an end"


def test_memory_is_bounded() -> None:
    doubled = "{% set a = question %}" + "{% set a = a ~ a %}" * 40
    problem = first_problem({"prompt": doubled}, [ROW])
    assert problem is not None
    assert problem.why == "it needs too much memory"


def test_texts_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(
        name="t",
        kind="lm_eval",
        type="generate",
        data={"test": "x.jsonl"},
        prompt="{{ question }}",
        target="{{ n }}",
    )
    monkeypatch.setattr(expressions, "MAX_CHARACTERS", 20)
    expressions.render_all(task, [{**ROW, "n": n} for n in range(4)])
    with pytest.raises(UsageError, match="its templates make more than"):
        expressions.render_all(task, [{**ROW, "n": n} for n in range(5)])


def test_the_process_sees_no_secret_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    with Renderer({"prompt": "{{ question }}"}) as renderer:
        process = renderer._process
        assert b"HF_TOKEN" not in Path(f"/proc/{process.pid}/environ").read_bytes()
        assert renderer.text("prompt", {"question": "a\nb é \ud800"}) == "a\nb é \ud800"
        with pytest.raises(BadTemplateError, match="'question' is undefined"):
            renderer.text("prompt", {})
        assert renderer.text("prompt", {"question": "again"}) == "again"
    assert process.poll() is not None
    dropped = Renderer({"prompt": "x"})
    process = dropped._process
    del dropped
    assert process.poll() is not None


def test_many_rows_keep_their_order() -> None:
    with Renderer({"a": "{{ n }}", "b": "{{ n + 1 }}"}) as renderer:
        found = list(renderer.texts({"n": n, "long": "x" * n * 10} for n in range(1234)))
    assert found == [{"a": str(n), "b": str(n + 1)} for n in range(1234)]


def test_a_row_that_does_not_fit_is_named() -> None:
    rows = [ROW, {**ROW, "n": "three"}]
    problem = first_problem({"target": "{{ n + 1 }}"}, rows)
    assert problem is not None
    assert (problem.key, problem.row) == ("target", 2)
    assert problem.why == 'TypeError: can only concatenate str (not "int") to str'
    with pytest.raises(TemplateError):
        compiled("{% endfor %}")
