"""Starting warm processes, and copies of them.

A **warm process** has imported the libraries that some processes of a run need, and does nothing
else but start copies of itself (``fork``): a copy begins where seconds of imports have ended, and
shares their memory. Each copy is a process of its own. It ends when its work is over, all its
memory is given back, and its death costs nothing but its own work.

The program is :mod:`evalsuite.run.workers.warm_process`. Both ends speak over a socket: each
request is one JSON list, with the descriptors that the copy gets, and has one answer.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, Any

from evalsuite.run.workers.process import Role

LOOK_SECONDS = 0.05
"""How often a copy is looked at while its end is waited for."""

ANSWER_BYTES = 64


class WarmProcessGoneError(Exception):
    """A warm process has ended, or did not answer in time."""


@dataclass(slots=True)
class WarmProcess:
    """The asking end of a warm process; one thread at a time may use it.

    Args:
        pid: Of the warm process, a child of this one.
        channel: To it.
    """

    pid: int
    channel: socket.socket
    _program: subprocess.Popen[bytes] | None = None

    @classmethod
    def start(
        cls,
        modules: Sequence[str],
        environment: Mapping[str, str],
        *,
        niceness: int = 0,
        own_session: bool = False,
    ) -> WarmProcess:
        """Start a program that imports modules; returns before it has imported them.

        Args:
            modules: What to import; what cannot be imported is left out.
            environment: Variables beyond those of this process.
            niceness: By how much its priority, and that of its copies, is lower.
            own_session: Whether Ctrl-C does not reach it, and what it prints is of no interest.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        program = [sys.executable, "-m", "evalsuite.run.workers.warm_process"]
        output = subprocess.DEVNULL if own_session else None
        with theirs:
            process = subprocess.Popen(
                [*program, str(theirs.fileno()), str(niceness), *modules],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                pass_fds=(theirs.fileno(),),
                env=os.environ | environment,
                start_new_session=own_session,
            )
        return cls(process.pid, ours, process)

    def copy(self, role: Role, handles: Sequence[int], patience: float | None = None) -> Copy:
        """Start a copy, as soon as all is imported.

        Args:
            role: What the copy does.
            handles: Descriptors that it gets.
            patience: Seconds to wait; ``None`` for any time.

        Raises:
            WarmProcessGoneError: If there is no warm process any more, or not in time.
        """
        self.channel.settimeout(patience)
        pid = self._ask(["copy", role], handles)
        self.channel.settimeout(None)
        return Copy(pid, self)

    def code_of(self, pid: int, *, wait: bool) -> int | None:
        """How a copy has ended: its exit code, or minus the number of a signal.

        Returns:
            ``None`` while it runs. Copies of a warm process that has ended are killed.
        """
        try:
            code: int | None = self._ask(["ended", pid, wait])
        except WarmProcessGoneError:
            return -signal.SIGKILL
        return code

    def end(self) -> None:
        """End the process, and with it its copies, whatever they do."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        if self._program is not None:
            self._program.wait()
        else:
            with suppress(ChildProcessError):
                os.waitpid(self.pid, 0)

    def _ask(self, request: list[Any], handles: Sequence[int] = ()) -> Any:
        try:
            socket.send_fds(self.channel, [json.dumps(request).encode()], handles)
            answer = self.channel.recv(ANSWER_BYTES)
        except OSError as error:
            raise WarmProcessGoneError from error
        if not answer:
            raise WarmProcessGoneError
        return json.loads(answer)


@dataclass(slots=True)
class Copy:
    """A copy of a warm process; has what evalsuite uses of :class:`subprocess.Popen`."""

    pid: int
    _of: WarmProcess
    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    stderr: IO[bytes] | None = None
    returncode: int | None = field(default=None, init=False)

    def poll(self) -> int | None:
        """How it has ended; ``None`` while it runs."""
        if self.returncode is None:
            self.returncode = self._of.code_of(self.pid, wait=False)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Raises:
            subprocess.TimeoutExpired: If it runs after so many seconds.
        """
        if timeout is None:
            if self.returncode is None:
                self.returncode = self._of.code_of(self.pid, wait=True)
            assert self.returncode is not None
            return self.returncode
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired(str(self.pid), timeout)
            time.sleep(LOOK_SECONDS)
        return code


Child = subprocess.Popen[bytes] | Copy
"""A child process, started as a program or as a copy."""
