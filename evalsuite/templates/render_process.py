"""The process that renders templates of other people, with limits on time and memory.

:mod:`evalsuite.templates.renderer` starts it as ``python -m evalsuite.templates.render_process``,
sends pickled requests to its standard input and reads its answers, one line of JSON each. The
answers are never unpickled: a template that broke out of the sandbox could have written them. The
kernel's timer ends the process, because Python cannot interrupt a regular expression. It counts
processor time, which does not depend on what else the machine does.
"""

from __future__ import annotations

import json
import pickle
import resource
import signal
import sys
import time
from typing import Any

from jinja2 import Template, TemplateError

from evalsuite.templates.renderer import MAX_MEMORY
from evalsuite.templates.safe_jinja import compiled, reason, rendered


def main() -> None:
    """Answer requests until standard input ends; the argument is the time limit for each."""
    seconds = float(sys.argv[1])
    _limit()
    _write(True, "ready")
    made: dict[str, Template] = {}
    while True:
        try:
            requests: list[bytes] = pickle.load(sys.stdin.buffer)  # noqa: S301 - the parent's
        except EOFError:
            return
        for request in requests:
            _write(*_answer(made, seconds, *pickle.loads(request)))  # noqa: S301 - the parent's


def _answer(
    made: dict[str, Template], seconds: float, action: str, key: str, value: Any
) -> tuple[bool, str]:
    """Compile or render a template; returns success, and the text or the reason."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        if action == "compile":
            made[key] = compiled(value)
            return True, ""
        return True, rendered(made[key], value)
    except (TemplateError, RecursionError, MemoryError) as error:
        return False, reason(error)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def _write(good: bool, text: str) -> None:
    """Write an answer: success, text, and the processor time used so far in seconds."""
    answer = good, text, time.process_time()
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n")
    sys.stdout.buffer.flush()


def _limit() -> None:
    """Limit the memory, forbid writing files, and let the timer end the process."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPROF})
    # Ctrl-C is for the parent, which then ends this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for what, most in (
        (resource.RLIMIT_AS, MAX_MEMORY),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (allowed, allowed))


if __name__ == "__main__":
    main()
