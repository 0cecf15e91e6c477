"""``evalsuite watch`` beside a training that has started it.

    python -m evalsuite.commands.watch_beside

The first line of the standard input is JSON: ``folder``, and ``options`` as for ``evalsuite
watch``. When the input is closed the training has ended, however it ended: the watch evaluates
what is there and ends, too.
"""

from __future__ import annotations

import json
import select
import sys
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from evalsuite.commands.requests import WatchRequest
from evalsuite.commands.watch import watch_command
from evalsuite.errors import EvalsuiteError
from evalsuite.options import from_options
from evalsuite.redact import hide_secrets_in_tracebacks, shown


def main() -> NoReturn:
    """Watch as the first line of the input says, and end with the exit code of the watch."""
    hide_secrets_in_tracebacks()
    asked = json.loads(sys.stdin.buffer.readline())
    try:
        request = from_options(WatchRequest, asked["options"])
        code = watch_command(Path(asked["folder"]), request, Console(width=120), ended=_closed)
    except EvalsuiteError as error:
        sys.stderr.write(f"evalsuite: {shown(error.advice)}\n")
        sys.exit(int(error.exit_code))
    sys.exit(int(code))


def _closed() -> bool:
    """Whether the other end of the input is closed."""
    poll = select.poll()
    poll.register(sys.stdin.fileno(), 0)
    return bool(poll.poll(0))


if __name__ == "__main__":
    main()
