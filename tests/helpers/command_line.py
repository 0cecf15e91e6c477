"""The real command line, warm: one process has imported it, and each call is a fork of that one.

What a test sees is what ``python -m evalsuite.cli`` shows; only the imports are paid once. Tests
of the start, of signals and of the end of a process start one of their own.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SECONDS = 120.0
"""After which a command is killed."""


class CommandLine:
    """A process that runs command lines, one fork each."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("command_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def call(
        self,
        arguments: list[str],
        folder: Path,
        environment: Mapping[str, str],
        seconds: float = SECONDS,
    ) -> dict[str, Any]:
        """Run one command line in ``folder``, with variables added to the environment.

        Returns:
            ``code``, which is ``"timeout"`` if the command had to be killed, ``out`` and ``err``.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        job = {
            "arguments": arguments,
            "folder": str(folder),
            "environment": {**os.environ, **environment},
            "seconds": seconds,
        }
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@cache
def shared_server() -> CommandLine:
    """Started by the first test that needs it, ended with the session."""
    server = CommandLine()
    atexit.register(server.close)
    return server


def command(
    *arguments: object, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run ``evalsuite`` with these arguments, with variables added to the environment."""
    words = [str(argument) for argument in arguments]
    done = shared_server().call(words, cwd or Path.cwd(), environment)
    assert done["code"] != "timeout", f"evalsuite {' '.join(words)} did not end"
    return subprocess.CompletedProcess(words, done["code"], done["out"], done["err"])
