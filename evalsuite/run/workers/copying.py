"""What a warm process does: it starts copies of itself, each for one piece of work.

A process can be copied safely while it has no threads that hold locks, no GPU and no thread pool
that has worked. Imports alone leave it so: a warm process computes nothing.

What a copy does is the function ``be_copy`` of the module that its role names.
"""

from __future__ import annotations

import json
import os
import socket
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from evalsuite.run.workers.process import Role, die_with_parent, use_threads
from evalsuite.run.workers.warm import WarmProcess

REQUEST_BYTES = 1024
MOST_HANDLES = 3


def copy_this(environment: Mapping[str, str], threads: int, niceness: int) -> WarmProcess:
    """Start a warm process as a copy of this one, which is a copy of another one.

    Args:
        environment: Variables beyond those of this process.
        threads: Of each of the new one's thread pools.
        niceness: By how much its priority, and that of its copies, is lower.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    parent, pid = os.getpid(), os.fork()
    if pid:
        theirs.close()
        return WarmProcess(pid, ours)
    try:
        _be_copy(parent, theirs.fileno(), "warm")
        _close_all_but(theirs.fileno())
        os.nice(niceness)
        os.environ.update(environment)
        use_threads(threads)
        serve(theirs)
    except BaseException:  # noqa: BLE001 - a copy never returns to what its parent was doing
        traceback.print_exc()
    os._exit(1)


def serve(channel: socket.socket) -> NoReturn:
    """Start copies for whoever asks, until the other end is gone."""
    while True:
        message, handles, _, _ = socket.recv_fds(channel, REQUEST_BYTES, MOST_HANDLES)
        if not message:
            os._exit(0)
        answer: Any
        match json.loads(message):
            case ["copy", role]:
                answer = _copy(role, handles, channel)
            case ["ended", pid, wait]:
                ended, status = os.waitpid(pid, 0 if wait else os.WNOHANG)
                answer = os.waitstatus_to_exitcode(status) if ended else None
        channel.send(json.dumps(answer).encode())


def _copy(role: Role, handles: Sequence[int], channel: socket.socket) -> int:
    """Start a copy; returns its process id."""
    parent, pid = os.getpid(), os.fork()
    if pid == 0:
        try:
            channel.close()
            if role == "worker":
                _lead_group(0)
            _be_copy(parent, handles[-1], role)
            import_module(f"evalsuite.run.workers.{role}").be_copy(handles)
        except BaseException:  # noqa: BLE001 - a copy never returns to what its parent was doing
            traceback.print_exc()
        os._exit(1)
    for handle in handles:
        os.close(handle)
    if role == "worker":
        _lead_group(pid)
    return pid


def _be_copy(parent: int, channel: int, role: str) -> None:
    """Set up what no copy inherits: that it ends with its parent, and a name in ``ps -c``."""
    die_with_parent(channel)
    if os.getppid() != parent:
        os._exit(1)  # it has ended before this process could ask to be told
    with suppress(OSError):
        Path("/proc/self/comm").write_text(role, encoding="ascii")


def _lead_group(pid: int) -> None:
    """Make a worker lead a process group, so that all that it starts can be ended with it.

    Both it and its parent ask for this: whoever comes first.
    """
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(pid, pid)


def _close_all_but(handle: int) -> None:
    """Close what belongs to the process that was copied, such as the pipe for its events."""
    limit = os.sysconf("SC_OPEN_MAX")
    os.closerange(3, handle)
    os.closerange(handle + 1, limit)
