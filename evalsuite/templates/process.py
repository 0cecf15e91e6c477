"""A process that renders templates which somebody else wrote, and is ended if they do not end.

Started as ``python -m evalsuite.templates.process`` by :mod:`evalsuite.templates.renderer`, which
sends pickled requests on standard input and reads answers in JSON, one a line: what comes from
here is never unpickled. The kernel's timer ends the process, since nothing in Python can interrupt
a regular expression.
"""

from __future__ import annotations

import json
import pickle
import resource
import signal
import sys
from typing import Any

from jinja2 import Template, TemplateError

from evalsuite.templates.renderer import MOST_MEMORY, MOST_SECONDS
from evalsuite.templates.rules import compiled, reason, rendered


def main() -> None:
    """Answer requests until there are no more."""
    _limit()
    _say(True, "ready")
    made: dict[str, Template] = {}
    while True:
        try:
            requests: list[bytes] = pickle.load(sys.stdin.buffer)  # noqa: S301 - the parent's
        except EOFError:
            return
        for request in requests:
            _say(*_answer(made, *pickle.loads(request)))  # noqa: S301 - the parent's


def _answer(made: dict[str, Template], action: str, key: str, value: Any) -> tuple[bool, str]:
    """Whether it went well, and the text or what is wrong."""
    signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
    try:
        if action == "compile":
            made[key] = compiled(value)
            return True, ""
        return True, rendered(made[key], value)
    except (TemplateError, RecursionError, MemoryError) as error:
        return False, reason(error)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _say(good: bool, text: str) -> None:
    sys.stdout.buffer.write(json.dumps((good, text)).encode() + b"\n")
    sys.stdout.buffer.flush()


def _limit() -> None:
    """Bound the memory, write no files, and let the timer end the process."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGALRM})
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is the parent's, which ends this process
    for what, most in (
        (resource.RLIMIT_AS, MOST_MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


if __name__ == "__main__":
    main()
