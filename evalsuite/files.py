"""Files: written whole or not at all, and hashed once while they do not change."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

RECENT_NS: Final = 2 * 10**9
"""A file that changed less than this before it was hashed is hashed again next time: file systems
with coarse clocks give a second change the same time stamps."""


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """Give a free name beside a file, and remove what still has that name at the end.

    Args:
        path: The file. Its folder is created if it is missing.

    Yields:
        A hidden name in the same folder, which no other thread, process or machine uses. It ends
        in ``.HOST.PID.tmp``, so that :func:`is_left_over` can recognise it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.{threading.get_ident()}{_suffix(os.getpid())}")
    try:
        yield temp
    finally:
        temp.unlink(missing_ok=True)


@contextmanager
def replacing(path: Path, *, sync: bool = False) -> Iterator[Path]:
    """Replace a file by a new version, once the new version is complete.

    Readers see the old file or the new one, never a part. If the block raises, the old file stays.

    Args:
        path: The file. Its folder is created if it is missing.
        sync: Whether to flush the new version to the disk first, so that it is also whole after
            a power cut.

    Yields:
        The temporary path to write to.

    Raises:
        OSError: If it cannot be written.
    """
    with temporary(path) as temp:
        yield temp
        if sync:
            flush(temp)
        temp.replace(path)


def write_atomically(path: Path, content: bytes, *, sync: bool = False) -> None:
    """Write a file whole or not at all; see :func:`replacing`."""
    with replacing(path, sync=sync) as temp:
        temp.write_bytes(content)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def is_left_over(path: Path) -> bool:
    """Whether a temporary file belongs to a process of this machine that has ended."""
    pid = path.name.rsplit(".", 2)[-2]
    if not pid.isdecimal() or not path.name.endswith(_suffix(int(pid))):
        return False  # of another machine, which may still be writing
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False


def _suffix(pid: int) -> str:
    return f".{os.uname().nodename}.{pid}.tmp"


def read_cache(path: Path) -> dict[str, Any]:
    """The content of a JSON file in the cache; empty where it is missing or damaged."""
    try:
        plain = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return plain if isinstance(plain, dict) else {}


def write_cache(path: Path, plain: Mapping[str, Any]) -> None:
    """Write a JSON file of the cache; if that fails, it is left out, which only costs time."""
    with suppress(OSError):
        write_atomically(path, json.dumps(plain).encode())


def sha256(path: Path) -> str:
    """SHA-256 over a file's content, read now: 64 hex digits.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def stamp(path: Path) -> tuple[int, int, int]:
    """Size in bytes and the times of the last change of content and of metadata, in nanoseconds.

    Raises:
        OSError: If there is no such file.
    """
    status = path.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def remembered_hashes(
    memory: Path,
    files: Mapping[str, Path],
    compute: Callable[[Mapping[str, Path]], Mapping[str, str]],
) -> dict[str, str]:
    """Hash files, or recall the hashes of files whose :func:`stamp` is unchanged.

    A hash is remembered only if the file did not change while it was read, nor shortly before.

    Args:
        memory: JSON file that keeps the hashes: name → size, two times and hash. Two processes
            may use it at once; what one of them forgets is computed again.
        files: Name → path.
        compute: Hashes some of the files.

    Returns:
        Name → hash.

    Raises:
        OSError: If a file cannot be read.
    """
    known = read_cache(memory)
    begun = time.time_ns()
    stamps = {name: stamp(path) for name, path in files.items()}
    recalled = {
        name: known[name][-1]
        for name, found in stamps.items()
        if isinstance(known.get(name), list) and known[name][:-1] == list(found)
    }
    computed = compute({name: path for name, path in files.items() if name not in recalled})
    settled = {
        name: [*stamps[name], value]
        for name, value in computed.items()
        if stamp(files[name]) == stamps[name] and max(stamps[name][1:]) < begun - RECENT_NS
    }
    if settled:
        write_cache(memory, known | settled)
    return recalled | dict(computed)
