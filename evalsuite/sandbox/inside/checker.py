"""The process that runs the tests; the function under test is a question to another process."""

from __future__ import annotations

import builtins
import json
import os
import signal
import sys
from typing import IO, Any, NoReturn

from evalsuite.sandbox.inside.limits import set_limits
from evalsuite.sandbox.inside.wire import NotPlainError, decode, encode, receive, send

LONGEST = 300
"""Characters of an exception's text in the verdict."""
BEGAN = b"began\n"
"""Without this line the sandbox failed; without a verdict after it, the tests did."""


class ProgramEndedError(BaseException):
    """The program's process is gone or talks nonsense; no test may catch this."""


class Program:
    """Calls the function in the other process.

    Args:
        questions: To it.
        answers: From it.
    """

    def __init__(self, questions: IO[bytes], answers: IO[bytes]) -> None:
        self._questions = questions
        self._answers = answers
        self.broken: str | None = None
        """Why it cannot be asked any more: whatever the tests say, they were not passed."""

    def hear(self) -> Any:
        """The next message.

        Raises:
            ProgramEndedError: If there is none.
        """
        try:
            message = receive(self._answers)
        except NotPlainError as error:
            self.end(f"the program sends {error}")
        if not isinstance(message, list) or not message:
            self.end("the program ended before the tests did")
        return message

    def end(self, why: str) -> NoReturn:
        """Give up.

        Raises:
            ProgramEndedError: Always.
        """
        self.broken = why
        raise ProgramEndedError(why)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call the function with plain values.

        Raises:
            Exception: What the function raised, if it is a built-in one, else ``RuntimeError``.
        """
        try:
            send(self._questions, [encode(arguments), encode(named)])
        except OSError:
            self.end("the program ended before the tests did")
        return self._result(self.hear(), arguments)

    def _result(self, message: list[Any], arguments: tuple[Any, ...]) -> Any:
        try:
            if message[0] == "gave":
                _, given, changed = message
                if given is None and changed is not None:
                    _change(arguments, decode(changed))
                return decode(given)
            _, name, text = message
        except (NotPlainError, ValueError) as error:
            self.end(f"the program sends no answer: {error}")
        raise builtin_exception(str(name))(str(text)[:LONGEST])


def builtin_exception(name: str) -> type[Exception]:
    """The built-in exception of a name; ``RuntimeError`` for any other."""
    found = getattr(builtins, name, None)
    if not (isinstance(found, type) and issubclass(found, Exception)):
        return RuntimeError
    # Some are not made from a text, or mean something to loops.
    return RuntimeError if issubclass(found, UnicodeError | StopIteration) else found


def _change(arguments: tuple[Any, ...], changed: tuple[Any, ...]) -> None:
    """Let the caller's containers be as the function left its copies."""
    for mine, theirs in zip(arguments, changed, strict=True):
        if type(mine) is not type(theirs):
            continue
        if isinstance(mine, list | bytearray):
            mine[:] = theirs
        elif isinstance(mine, dict | set):
            mine.clear()
            mine.update(theirs)


def main() -> None:
    """Run the tests; write a line that says so to standard output, then the verdict as JSON."""
    job = json.loads(sys.stdin.buffer.readline())
    set_limits(job["limits"])
    # Not caught: the program cannot stop this clock.
    signal.setitimer(signal.ITIMER_REAL, job["seconds"])
    verdicts = os.dup(1)
    os.write(verdicts, BEGAN)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    program = Program(os.fdopen(job["ask"], "wb"), os.fdopen(job["hear"], "rb"))
    verdict = _judge(job, program)
    os.write(verdicts, json.dumps(verdict).encode("ascii"))
    os._exit(0)


def _judge(job: dict[str, Any], program: Program) -> dict[str, str]:
    started = False
    try:
        send(program._questions, job["program"])  # noqa: SLF001 - its first message
        program.hear()
        started = True
        message = program.hear()
        if message[0] != "ready":
            return {"failed": ": ".join(map(str, message[1:]))[:LONGEST]}
        space: dict[str, Any] = {"__name__": "__main__"}
        exec(compile(job["given"], "given", "exec"), space)  # noqa: S102 - the task's own code
        space[job["entry"]] = program
        exec(compile(job["tests"], "tests", "exec"), space)  # noqa: S102 - the task's own code
    except BaseException as error:  # noqa: BLE001 - whatever ends the tests
        if not started:
            return {"error": f"the program's process did not start ({error})"}
        if not program.broken:
            return {"failed": f"{type(error).__name__}: {error}"[:LONGEST]}
    return {"ended": program.broken} if program.broken else {"passed": "all"}
