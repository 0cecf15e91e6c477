"""The options of a command, made from the fields of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import pytest
import typer
from pydantic import Field

from evalsuite.cli.options import built, summary, takes
from evalsuite.options import Option
from evalsuite.schema import Frozen


class Wheel(Frozen):
    spokes: Annotated[int, Option("Spokes of a wheel.")]


class Bicycle(Frozen):
    rider: Annotated[str, Option("Who rides it.")]
    load: Annotated[int, Field(ge=0, le=9), Option("Kilograms.", variable="BICYCLE_LOAD")] = 2
    sold: Annotated[bool, Option("Whether it is sold.")] = False
    bell: Annotated[bool | None, Option("Whether it has a bell.")] = None
    bags: Annotated[tuple[Path, ...], Option("Bags.", flags=("--bag", "-b"))] = ()
    wheel: Wheel | None = None


made: list[tuple[Any, ...]] = []


@takes(f"{__name__}:Bicycle")
def ride(request: Bicycle, *, fast: Annotated[bool, typer.Option("--fast")] = False) -> None:
    """Ride a bicycle."""
    made.append((request, fast))


def call(command: Any, *words: str) -> Any:
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command()(command)
    made.clear()
    return app(list(words), standalone_mode=False)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], Bicycle(rider="me")),
        (["--load", "9", "--sold"], Bicycle(rider="me", load=9, sold=True)),
        (["--no-bell"], Bicycle(rider="me", bell=False)),
        (["--bag", "a", "-b", "c"], Bicycle(rider="me", bags=(Path("a"), Path("c")))),
        (["--spokes", "36"], Bicycle(rider="me", wheel=Wheel(spokes=36))),
    ],
)
def test_a_command_gets_the_model(words: list[str], expected: Bicycle) -> None:
    call(built(ride), "--rider", "me", *words)
    assert made == [(expected, False)]


def test_a_command_may_have_options_of_its_own() -> None:
    call(built(ride), "--rider", "me", "--fast")
    assert made == [(Bicycle(rider="me"), True)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Missing option '--rider'"),
        (["--rider", "me", "--load", "10"], "less than or equal to 9"),
        (["--rider", "me", "--no-sold"], "No such option: --no-sold"),
        (["--rider", "me", "--lod", "1"], "--load"),
    ],
)
def test_limits_are_those_of_the_field(words: list[str], message: str) -> None:
    with pytest.raises(typer.TyperException) as caught:
        call(built(ride), *words)
    assert message in caught.value.format_message()


def test_the_environment_gives_what_is_not_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BICYCLE_LOAD", "7")
    call(built(ride), "--rider", "me")
    assert made[0][0].load == 7
    call(built(ride), "--rider", "me", "--load", "1")
    assert made[0][0].load == 1


def test_the_help_shows_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    call(built(ride), "--help")
    shown = " ".join(capsys.readouterr().out.split())
    for words in (
        "Ride a bicycle.",
        "--rider <str> Who rides it. [required]",
        "Kilograms. [env var: BICYCLE_LOAD; default: 2; 0<=x<=9]",
        "--bell / --no-bell Whether it has a bell.",
        "--fast",
    ):
        assert words in shown
    call(summary(ride), "--help")
    assert "Ride a bicycle." in capsys.readouterr().out
