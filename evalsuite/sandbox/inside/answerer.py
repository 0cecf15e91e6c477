"""The process that holds the program that a model wrote, and calls its function when asked.

Nothing here is protected from the program: it can change all of this process. It sees neither
the tests nor how its answers are judged.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import IO, Any

from evalsuite.sandbox.inside.limits import set_limits
from evalsuite.sandbox.inside.wire import NotPlainError, decode, encode, receive, send

LONGEST = 300
"""Characters of an exception's text that are passed on."""


def main() -> None:
    """Run the program, then answer calls until the channel closes."""
    questions = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    job = receive(questions)
    set_limits(job["limits"])
    send(answers, ["started"])
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    space: dict[str, Any] = {"__name__": "__main__"}
    try:
        exec(compile(job["program"], "program", "exec"), space)  # noqa: S102 - what this is for
        function = space[job["entry"]]
    except BaseException as error:  # noqa: BLE001 - SystemExit too
        send(answers, _raised(error))
        os._exit(1)
    send(answers, ["ready"])
    while (question := receive(questions)) is not None:
        _answer(function, question, answers)
    sys.exit(0)


def _answer(function: Callable[..., object], question: Any, answers: IO[bytes]) -> None:
    arguments, named = decode(question[0]), decode(question[1])
    try:
        given = function(*arguments, **named)
        # By convention a function that changes its arguments gives None.
        changed = encode(arguments) if given is None else None
        send(answers, ["gave", encode(given), changed])
    except NotPlainError as error:
        send(answers, ["raised", "TypeError", str(error)])
    except BaseException as error:  # noqa: BLE001 - SystemExit too
        send(answers, _raised(error))


def _raised(error: BaseException) -> list[str]:
    try:
        text = str(error)
    except Exception as other:  # noqa: BLE001 - an exception that cannot be shown
        text = f"no text: {type(other).__name__}"
    return ["raised", type(error).__name__, text[:LONGEST]]
