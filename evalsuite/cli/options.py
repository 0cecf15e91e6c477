"""Options of commands, made from the models that declare them, and what commands share."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

import typer

from evalsuite.cli.completion import BY_FLAG, complete_stored, complete_suites, complete_tasks
from evalsuite.errors import UsageError
from evalsuite.options import RESULTS, TASKS_DIRS, Declared, Option, declared, from_options

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.registry.load import Registry

Command = Callable[..., None]

_MODEL = "_options_of"


def takes(model: str) -> Callable[[Command], Command]:
    """Give a command the options of a model; its first argument is then such a model.

    Args:
        model: ``module:class``. It is imported only where the command is built.
    """

    def mark(command: Command) -> Command:
        setattr(command, _MODEL, model)
        return command

    return mark


def summary(command: Command) -> Command:
    """A command with the same help but without options, for the list of all commands."""

    def shown() -> None:
        """Do nothing."""

    shown.__doc__ = command.__doc__
    return shown


def built(command: Command) -> Command:
    """A command as typer wants it: one parameter for each option."""
    if not hasattr(command, _MODEL):
        return command
    module, _, name = getattr(command, _MODEL).partition(":")
    model = getattr(import_module(module), name)
    options = {one.name: one for one in declared(model)}
    _, *own = inspect.signature(command, eval_str=True, locals={name: model}).parameters.values()

    @functools.wraps(command)
    def call(**given: Any) -> None:
        mine = {name: given.pop(name) for name in [*given] if name not in options}
        command(from_options(model, given, typed=True), **mine)

    direct = [_parameter(one) for one in options.values() if len(one.path) == 1]
    parts = [_parameter(one) for one in options.values() if len(one.path) > 1]
    parameters = [*direct, *own, *parts]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {one.name: one.annotation for one in parameters}
    return call


def _parameter(one: Declared) -> inspect.Parameter:
    type_, default = _type_and_default(one)
    limits = {
        name: getattr(limit, bound)
        for name, bound in (("min", "ge"), ("max", "le"))
        for limit in one.field.metadata
        if hasattr(limit, bound)
    }
    # Typer adds --no-… to an option without flags; it is wanted where neither is the default.
    flags = one.option.flags if type_ == bool | None else one.flags
    return inspect.Parameter(
        one.name,
        inspect.Parameter.KEYWORD_ONLY,
        annotation=Annotated[type_, typed_option(one.option, *flags, **limits)],
        default=inspect.Parameter.empty if default is ... else default,
    )


def _type_and_default(one: Declared) -> tuple[Any, Any]:
    """Type and default on the command line; ``...`` for an option that must be given."""
    type_: Any = one.option.typed or one.field.annotation
    if get_origin(type_) is tuple:
        type_ = list[get_args(type_)[0]]  # type: ignore[misc]
    if one.field.is_required() and not one.in_optional_part:
        return type_, ...
    if one.in_optional_part or one.option.typed or get_origin(type_) is list:
        return type_ | None, None
    return type_, one.field.default


def typed_option(option: Option, *flags: str, **limits: Any) -> Any:
    """An option as typer declares it."""
    named = flags or option.flags
    return typer.Option(
        *named,
        help=option.help,
        envvar=option.variable,
        autocompletion=next((BY_FLAG[flag] for flag in named if flag in BY_FLAG), None),
        **limits,
    )


Results = Annotated[Path, typed_option(RESULTS)]
TasksDir = Annotated[list[Path] | None, typed_option(TASKS_DIRS)]
SuiteName = Annotated[
    str | None,
    typer.Option("--suite", help="Suite; the default is smoke.", autocompletion=complete_suites),
]

Checkpoints = Annotated[
    list[str] | None,
    typer.Option(
        "--ckpt",
        metavar="NAME",
        autocompletion=complete_stored,
        help="Checkpoint by its name in the table, a pattern ('run-*') or the first digits of its "
        "fingerprint. May be repeated; the default is all.",
    ),
]
Tasks = Annotated[
    str | None,
    typer.Option(
        "--tasks",
        metavar="NAMES",
        help="Stored tasks: a,'smoke-*'; the default is all.",
        autocompletion=complete_tasks,
    ),
]

AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON instead; evalsuite schema describes it.")
]


def refuse_form(form: str, *, as_json: bool) -> None:
    """Refuse ``--json`` beside a ``--format`` that is not the default.

    Raises:
        UsageError: If both are given.
    """
    if as_json and form != "terminal":
        raise UsageError("--json and --format exclude each other", "give one of them")


def registry(folders: list[Path] | None) -> Registry:
    """The shipped tasks and those of further folders."""
    from evalsuite.registry.load import Registry

    return Registry.load(folders or ())


def console(**kwargs: Any) -> Console:
    """Where results are printed."""
    from rich.console import Console

    return Console(**kwargs)
