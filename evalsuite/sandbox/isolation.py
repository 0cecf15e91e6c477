"""How a process is shut in: bubblewrap's namespaces, and a filter of system calls.

The filter is what keeps a program a single process (a fork bomb ends at its first fork), and away
from what namespaces do not separate: other kinds of sockets, shared memory that no limit counts,
tracing, mounting, namespaces of its own, the kernel's rarely used entries.
"""

from __future__ import annotations

import os
import platform
import pwd
import struct
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from errno import ENOSYS, EPERM
from pathlib import Path
from typing import Final, NamedTuple

from evalsuite.sandbox import inside

TMP_BYTES: Final = 64 << 20
INSIDE: Final = "/inside"
"""Where the sandbox sees :mod:`evalsuite.sandbox.inside`."""


class Machine(NamedTuple):
    """Numbers of one processor architecture."""

    audit: int
    """``AUDIT_ARCH_…`` of ``linux/audit.h``."""
    clone: int
    forks: tuple[int, ...]
    refused: tuple[int, ...]


_CLONE3: Final = 435
_REFUSED: Final = (
    # add_key bpf chroot delete_module fanotify_init finit_module init_module kexec_load keyctl
    (248, 217), (321, 280), (161, 51), (176, 106), (300, 262), (313, 273), (175, 105), (246, 104),
    (250, 219),
    # memfd_create mount mq_open msgget open_by_handle_at perf_event_open personality pivot_root
    (319, 279), (165, 40), (240, 180), (68, 186), (304, 265), (298, 241), (135, 92), (155, 41),
    # process_vm_readv process_vm_writev ptrace reboot request_key semget setns shmget socket
    (310, 270), (311, 271), (101, 117), (169, 142), (249, 218), (64, 190), (308, 268), (29, 194),
    (41, 198),
    # swapon umount2 unshare userfaultfd
    (167, 224), (166, 39), (272, 97), (323, 282),
    # The same numbers everywhere: io_uring_…, open_tree, move_mount, fs…, mount_setattr,
    # memfd_secret, pidfd_open, pidfd_getfd.
    *((n, n) for n in (425, 426, 427, 428, 429, 430, 431, 432, 433, 442, 447, 434, 438)),
)  # fmt: skip
"""System calls that a program is refused, with their numbers on x86-64 and on 64-bit Arm
(``asm/unistd_64.h`` and ``asm-generic/unistd.h`` of Linux)."""

MACHINES: Final = {
    "x86_64": Machine(0xC000003E, 56, (57, 58), tuple(pair[0] for pair in _REFUSED)),
    "aarch64": Machine(0xC00000B7, 220, (), tuple(pair[1] for pair in _REFUSED)),
}

_X32: Final = 0x40000000
"""From here on x86-64 counts the calls of its 32-bit variant."""
_CLONE_THREAD: Final = 0x00010000
# linux/bpf_common.h and linux/seccomp.h
_LOAD, _EQUAL, _AT_LEAST, _BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL, _ERROR = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16


def supported() -> bool:
    """Whether the filter knows this machine."""
    return sys.platform == "linux" and platform.machine() in MACHINES


def call_filter(machine: Machine) -> bytes:
    """The filter as a classic BPF program (``struct sock_filter``).

    Forking and what is refused give ``EPERM``; ``clone3``, whose arguments a filter cannot see,
    ``ENOSYS``, after which the C library starts threads with ``clone``.
    """
    refuse = _step(_RETURN, _ERROR | EPERM)
    steps = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, machine.audit, yes=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        _step(_AT_LEAST, _X32, no=1),
        refuse,
        _step(_EQUAL, _CLONE3, no=1),
        _step(_RETURN, _ERROR | ENOSYS),
    ]
    for number in (*machine.forks, *machine.refused):
        steps += [_step(_EQUAL, number, no=1), refuse]
    steps += [
        _step(_EQUAL, machine.clone, no=3),
        _step(_LOAD, _FIRST_ARGUMENT),
        _step(_BITS, _CLONE_THREAD, yes=1),
        refuse,
        _step(_RETURN, _ALLOW),
    ]
    return b"".join(steps)


def _step(code: int, value: int, *, yes: int = 0, no: int = 0) -> bytes:
    """One instruction; ``yes`` and ``no`` are how many are skipped after a comparison."""
    return struct.pack("=HBBI", code, yes, no, value)


@contextmanager
def filter_handle() -> Iterator[int]:
    """A file descriptor from which bubblewrap reads the filter, once."""
    reader, writer = os.pipe()
    try:
        os.write(writer, call_filter(MACHINES[platform.machine()]))
    finally:
        os.close(writer)
    try:
        yield reader
    finally:
        os.close(reader)


def python() -> str:
    """The interpreter itself, not a virtual environment's link to it."""
    return str(Path(sys.executable).resolve())


def installation() -> Path:
    """Where the interpreter and its library are; programs can read it."""
    return Path(python()).parents[1]


def exposed() -> str | None:
    """Why a sandboxed program could read private files; ``None`` where it could not.

    An interpreter in ``~/bin`` makes the whole home the installation.
    """
    place = installation()
    if place.is_relative_to("/usr"):
        return None  # the system's, and bound in any case
    homes = {Path.home().resolve(), Path(pwd.getpwuid(os.getuid()).pw_dir).resolve()}
    if place == Path("/") or any(home.is_relative_to(place) for home in homes):
        return (
            f"programs could read all of {place}, since Python is installed there; use a Python "
            "that has a folder of its own"
        )
    return None


def command(bwrap: str, module: str, handle: int) -> list[str]:
    """The command line that runs a module of :mod:`evalsuite.sandbox.inside`.

    Everything but a small ``/tmp`` is read-only; there is no ``/proc``, no home and no ``/etc``.

    Args:
        bwrap: Path of bubblewrap.
        module: Name of the module.
        handle: See :func:`filter_handle`.
    """
    system = {Path("/usr"), Path("/lib"), Path("/lib64"), Path("/bin"), Path("/etc/ld.so.cache")}
    system |= {installation(), Path(sysconfig.get_paths()["stdlib"])}
    binds: list[str] = []
    for path in sorted(system, key=lambda p: len(p.parts)):
        binds += ["--ro-bind-try", str(path), str(path)]
    home = str(Path(str(inside.__file__)).parent)
    name = inside.__name__
    start = f"import sys; sys.path.append({INSIDE!r}); from {name}.{module} import main; main()"
    return [
        bwrap,
        "--unshare-all",
        "--die-with-parent",
        "--new-session",
        "--clearenv",
        *("--cap-drop", "ALL"),
        *("--hostname", "sandbox"),
        *("--seccomp", str(handle)),
        *binds,
        *("--ro-bind", home, f"{INSIDE}/{name.replace('.', '/')}"),
        *("--dev", "/dev"),
        *("--size", str(TMP_BYTES), "--tmpfs", "/tmp"),  # noqa: S108 - inside the sandbox
        *("--remount-ro", "/dev"),
        *("--remount-ro", "/"),
        *("--chdir", "/tmp"),  # noqa: S108 - inside the sandbox
        *(python(), "-I", "-S", "-B", "-c", start),
    ]
