"""Errors that a person can act on, and the exit code each of them ends the command line with.

Every error is one line: what is wrong, where, and what to do next. A traceback is a bug
(``--debug`` shows it).
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from enum import IntEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pydantic import ValidationError


class ExitCode(IntEnum):
    """Exit codes of the command line; documented in ``docs/exit-codes.md``."""

    OK = 0
    TASK_FAILED = 1
    USAGE = 2
    CHECKPOINT = 3
    DATA = 4
    ENGINE = 5
    STORE = 6
    SUSPECT = 7
    REGRESSION = 10
    INCONCLUSIVE = 11
    MISSING = 12
    INTERNAL = 70
    INTERRUPTED = 130


class EvalsuiteError(Exception):
    """Base of all errors that evalsuite raises on purpose.

    Args:
        message: What is wrong and where.
        hint: What to do next; appended to the message.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.INTERNAL
    next_step: ClassVar[str] = "evalsuite --debug … shows where"
    """What to do next where ``hint`` does not say."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}; {hint}" if hint else message)

    def __reduce__(self) -> tuple[type[EvalsuiteError], tuple[str, str | None]]:
        # Engines raise in another process than harnesses.
        return type(self), (self.message, self.hint)

    @property
    def line(self) -> str:
        """The error as a single line of text."""
        return " ".join(str(self).split())

    @property
    def advice(self) -> str:
        """The line, always with a next step."""
        return self.line if self.hint else f"{self.line}; {self.next_step}"


class UsageError(EvalsuiteError):
    """What was typed, or a task or suite file, is not valid."""

    exit_code = ExitCode.USAGE
    next_step = "correct it (evalsuite COMMAND --help; files: evalsuite tasks validate DIR)"


class CheckpointError(EvalsuiteError):
    """The checkpoint cannot be found, read, trusted or loaded."""

    exit_code = ExitCode.CHECKPOINT
    next_step = "use an intact copy of the checkpoint"


class DataError(EvalsuiteError):
    """The data that a task needs is missing or malformed."""

    exit_code = ExitCode.DATA
    next_step = "correct the file, or take it away"


class EngineError(EvalsuiteError):
    """No engine can run this job here, or the engine failed."""

    exit_code = ExitCode.ENGINE
    next_step = "the log under .work/logs of the store says more"


class StoreError(EvalsuiteError):
    """Results cannot be written or read."""

    exit_code = ExitCode.STORE
    next_step = "choose another folder with --out"


class Interrupted(EvalsuiteError):  # noqa: N818 - like KeyboardInterrupt
    """A person ended the run."""

    exit_code = ExitCode.INTERRUPTED


class TaskSkipped(EvalsuiteError):  # noqa: N818 - an outcome, not an error
    """The task cannot be measured here, and the reason belongs into the table."""

    exit_code = ExitCode.OK


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type and arguments where it has no message."""
    return next((line for part in str(error).splitlines() if (line := part.strip())), repr(error))


def first_invalid(error: ValidationError) -> tuple[str, str]:
    """The first value that a pydantic model refuses.

    Returns:
        Its place, keys and indices with dots between them, and the reason.
    """
    first = error.errors(include_url=False)[0]
    return ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")


def did_you_mean(name: str, known: Iterable[str], *, many: int = 3) -> str:
    """Name the nearest known names for a typo.

    Args:
        name: What was typed.
        known: The names that exist.
        many: How many to name at most.

    Returns:
        A hint such as ``"did you mean smoke-sts?"``; without a near name, the first few
        known names.
    """
    pool = sorted(set(known))
    folded = {candidate.casefold(): candidate for candidate in pool}
    near = get_close_matches(name.casefold(), list(folded), n=many, cutoff=0.6)
    if near:
        return f"did you mean {' or '.join(folded[match] for match in near)}?"
    if not pool:
        return "none is known"
    more = f" … ({len(pool)} in all)" if len(pool) > 8 else ""
    return f"known: {', '.join(pool[:8])}{more}"
