"""Options that are declared once, as fields of models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_type_hints

import pytest
from pydantic import BeforeValidator, Field

import evalsuite
from evalsuite.api import Options
from evalsuite.commands.requests import CheckRequest, RunRequest
from evalsuite.errors import UsageError
from evalsuite.options import Option, declared, from_options, names
from evalsuite.schema import Frozen


class Wheel(Frozen):
    spokes: Annotated[int, Field(ge=3), Option("Spokes of a wheel.", name="wheel_spokes")]
    rim: Annotated[str, Option("Material of the rim.", name="wheel_rim")] = "steel"


class Paint(Frozen):
    colour: Annotated[str, Option("Colour of the frame.")] = "red"
    coats: int = 1


class Thing(Frozen):
    paint: Paint = Paint()
    wheel: Wheel | None = None


class Bicycle(Thing):
    riders: Annotated[tuple[str, ...], BeforeValidator(names), Option("Who rides it.")] = ()


def test_options_are_those_of_a_model_and_of_the_models_in_it_its_own_first() -> None:
    found = {one.name: one.path for one in declared(Bicycle)}
    assert list(found.items()) == [
        ("riders", ("riders",)),
        ("colour", ("paint", "colour")),
        ("wheel_spokes", ("wheel", "spokes")),
        ("wheel_rim", ("wheel", "rim")),
    ]
    absent = [one.name for one in declared(Bicycle) if one.in_optional_part]
    assert absent == ["wheel_spokes", "wheel_rim"]


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ({}, Bicycle()),
        ({"colour": None, "wheel_rim": None}, Bicycle()),
        ({"colour": "blue", "riders": "a, b,"}, Bicycle(paint=Paint(colour="blue"), riders="a,b")),
        ({"wheel_spokes": 36}, Bicycle(wheel=Wheel(spokes=36))),
    ],
)
def test_a_model_is_made_of_what_is_given(given: dict[str, Any], made: Bicycle) -> None:
    assert from_options(Bicycle, given) == made


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"color": "blue"}, r"^there is no option 'color'; did you mean colour\?$"),
        ({"coats": 2}, "^there is no option 'coats'"),
        ({"wheel_spokes": 2}, "^wheel_spokes=2 is not valid: .*greater than or equal to 3"),
        ({"wheel_rim": "wood"}, "^wheel_spokes=None is not valid: Field required"),
    ],
)
def test_what_is_wrong_is_a_usage_error(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        from_options(Bicycle, given)


def test_on_the_command_line_errors_name_the_option_as_it_was_typed() -> None:
    with pytest.raises(
        UsageError, match=r"^--wheel-spokes 2 is not valid: .*greater than"
    ) as raised:
        from_options(Bicycle, {"wheel_spokes": 2}, typed=True)
    assert raised.value.hint == "see evalsuite COMMAND --help"


def test_run_check_and_python_take_the_same_options() -> None:
    run = {one.name: one.option for one in declared(RunRequest)}
    check = {one.name: one.option for one in declared(CheckRequest)}
    own = {"run": {"ckpt", "tasks", "suite"}, "check": check.keys() - run.keys() | {"suite"}}
    assert run.keys() - own["run"] == check.keys() - own["check"]
    assert own["check"] == {
        *("candidate", "baseline", "policy", "suite", "baselines", "reports"),
        *("stop_early", "stop_on_red", "baseline_window"),
    }
    assert run.keys() - {"ckpt"} == Options.__annotations__.keys()


def test_python_types_options_as_the_models_do() -> None:
    types = get_type_hints(Options)
    wider = {"tasks", "tasks_dirs", "results", "data", "retriever", "judge", "judge_url"}
    wider |= {"dims", "vectors", "log"}
    for one in declared(RunRequest):
        if one.name not in wider | {"ckpt", "suite", "judge_order"}:
            assert types[one.name] == one.field.annotation, one.name


@pytest.mark.parametrize(
    "given", [{"dims": 32}, {"dims": "32"}, {"dims": (32,)}, {"dims": " 32,"}], ids=str
)
def test_dimensions_are_a_number_or_a_list(given: dict[str, Any]) -> None:
    assert from_options(RunRequest, {"ckpt": ("x",), **given}).options.dims == (32,)


def test_a_check_takes_one_form_of_embeddings() -> None:
    sides = {"candidate": "x", "baseline": "y", "policy": "smoke"}
    one = from_options(CheckRequest, {**sides, "dims": "32", "vectors": "int8"})
    assert [(form.dims, form.rounding) for form in one.options.forms] == [(32, "int8")]
    with pytest.raises(UsageError, match="a check compares one form"):
        from_options(CheckRequest, {**sides, "vectors": "float,int8"})


def test_a_run_is_of_a_suite_or_of_tasks(tmp_path: Path) -> None:
    neither = from_options(RunRequest, {"ckpt": ("x",)})
    assert (neither.suite, neither.tasks) == (None, None)
    some = from_options(RunRequest, {"ckpt": ("x",), "tasks": "a, mteb:b"})
    assert (some.suite, some.tasks) == (None, ("a", "mteb:b"))
    with pytest.raises(UsageError, match="--suite and --tasks exclude each other"):
        from_options(RunRequest, {"ckpt": ("x",), "tasks": ["a"], "suite": "smoke"})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"judge_url": "http://h/v1"}, "--judge-url without --judge"),
        ({"judge_order": "both"}, "--judge-order without --judge"),
        ({"judge": " "}, "--judge names no model"),
        ({"retriever": "demo:minilmm"}, "did you mean demo:minilm"),
    ],
)
def test_a_judge_or_retriever_that_is_not_one(given: dict[str, str], message: str) -> None:
    with pytest.raises(evalsuite.EvalsuiteError, match=message):
        from_options(RunRequest, {"ckpt": ("x",), **given})
