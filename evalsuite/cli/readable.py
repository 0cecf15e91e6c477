"""Help texts without the names of Python's types."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final, get_args

_WORDS: Final = {int: "N", float: "NUMBER", Path: "PATH"}


def with_plain_help(command: Any) -> None:
    """Let a command of typer, and those below it, show what an option takes in words.

    ``--limit N``, ``--out PATH``, ``--suite SUITE``: a number, a path, or the option's own name.
    Without this typer shows ``<int range>``, ``<path>`` and ``<str>``.
    """
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            # Its name says what it is; typer would append the type.
            parameter.metavar = parameter.metavar or parameter.name.upper()
            setattr(parameter, "display_type_rich", _no_type)  # noqa: B010 - typed as a method
        elif getattr(parameter, "metavar", None) is None and _takes_a_value(parameter):
            parameter.metavar = _word(parameter)
    for inner in getattr(command, "commands", {}).values():
        with_plain_help(inner)


def _takes_a_value(parameter: Any) -> bool:
    return not parameter.is_flag and not parameter.count and not parameter.type_descriptor.is_choice


def _word(parameter: Any) -> str:
    annotation = parameter.type_descriptor.annotation
    inside = (get_args(annotation) or (annotation,))[0]
    return _WORDS.get(inside) or str(parameter.name).upper().replace("_", "-")


def _no_type(ctx: Any) -> None:
    """Show no type."""
    del ctx
