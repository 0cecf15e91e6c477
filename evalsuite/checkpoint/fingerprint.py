"""Hash over a checkpoint's bytes: computed in parallel, remembered by path, size and mtime.

Definition::

    file digest        = SHA-256( size as 8 bytes, big-endian
                                  ‖ SHA-256(chunk) for each 64 MiB chunk )
    folder fingerprint = SHA-256( "evalsuite:folder:1" NUL
                                  ‖ for each file, sorted by name: name NUL file digest )

where names are relative to the folder, with ``/`` between parts, in UTF-8. Hashing by chunks
lets one large file use all cores.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Final

from evalsuite.errors import CheckpointError

CHUNK: Final = 64 * 2**20
"""Bytes hashed as one leaf."""

_READ: Final = 2**20
_RACY_NS: Final = 2 * 10**9
"""A file changed this shortly before hashing is hashed again next time: with coarse file
times a later write could leave size and mtime as they are."""

Stamp = tuple[int, int]
"""Size in bytes and mtime in nanoseconds."""


def folder_fingerprint(folder: Path, files: Sequence[Path], cache: Path) -> str:
    """Fingerprint files of a folder by their relative names and contents.

    Args:
        folder: Names are relative to it; its own name does not enter.
        files: Files in or below it.
        cache: Where hashes are remembered.

    Returns:
        64 hex digits.

    Raises:
        CheckpointError: Where a file cannot be read or changes while it is read.
    """
    named = {path.relative_to(folder).as_posix(): path for path in files}
    digests = file_digests(folder, named, cache)
    whole = hashlib.sha256(b"evalsuite:folder:1\0")
    for name in sorted(digests):
        whole.update(name.encode() + b"\0" + bytes.fromhex(digests[name]))
    return whole.hexdigest()


def combined(form: str, *fingerprints: str) -> str:
    """Fingerprint of what is made from other fingerprinted things.

    Args:
        form: How it is made, for example ``adapter:1``.
        fingerprints: 64 hex digits each, in order.
    """
    whole = hashlib.sha256(f"evalsuite:{form}\0".encode())
    for part in fingerprints:
        whole.update(bytes.fromhex(part))
    return whole.hexdigest()


def file_digests(owner: Path, files: Mapping[str, Path], cache: Path) -> dict[str, str]:
    """Digest files, or recall digests of files whose size and mtime are unchanged.

    Args:
        owner: Checkpoint that the files belong to; its absolute path names the memory.
        files: Name → path.
        cache: Where digests are remembered.

    Returns:
        Name → digest in hex.

    Raises:
        CheckpointError: Where a file cannot be read or changes while it is read.
    """
    memory = cache / "fingerprints" / f"{_memory_name(owner)}.json"
    known = _recall(memory)
    begun = time.time_ns()
    stamps = {name: _stamp(path) for name, path in files.items()}
    recalled = {
        name: known[name][1]
        for name, stamp in stamps.items()
        if name in known and known[name][0] == stamp
    }
    fresh = _hash_files({n: p for n, p in files.items() if n not in recalled}, stamps)
    if fresh:
        settled = {n: d for n, d in fresh.items() if stamps[n][1] < begun - _RACY_NS}
        _remember(memory, {n: (stamps[n], d) for n, d in {**recalled, **settled}.items()})
    return {**recalled, **fresh}


def _hash_files(files: Mapping[str, Path], stamps: Mapping[str, Stamp]) -> dict[str, str]:
    """Digest files with all cores: ``hashlib`` releases the interpreter's lock."""
    if not files:
        return {}
    digests: dict[str, str] = {}
    with ThreadPoolExecutor(max_workers=min(32, os.cpu_count() or 1)) as pool:
        leaves = {
            name: [
                pool.submit(_hash_chunk, path, start) for start in range(0, stamps[name][0], CHUNK)
            ]
            for name, path in files.items()
        }
        for name, path in files.items():
            whole = hashlib.sha256(stamps[name][0].to_bytes(8, "big"))
            for leaf in leaves[name]:
                whole.update(leaf.result())
            if _stamp(path) != stamps[name]:
                raise CheckpointError(
                    f"{path} is still being written: it changed while it was read",
                    "wait until it is complete",
                )
            digests[name] = whole.hexdigest()
    return digests


def _hash_chunk(path: Path, start: int) -> bytes:
    digest = hashlib.sha256()
    buffer = memoryview(bytearray(_READ))
    left = CHUNK
    try:
        with path.open("rb", buffering=0) as file:
            file.seek(start)
            while left and (count := file.readinto(buffer[: min(_READ, left)])):
                digest.update(buffer[:count])
                left -= count
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})") from error
    return digest.digest()


def _stamp(path: Path) -> Stamp:
    try:
        stat = path.stat()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror})") from error
    return stat.st_size, stat.st_mtime_ns


def _memory_name(owner: Path) -> str:
    return hashlib.sha256(os.fsencode(owner.resolve())).hexdigest()[:32]


def _recall(memory: Path) -> dict[str, tuple[Stamp, str]]:
    """Remembered digests; none where the memory is absent or unreadable."""
    try:
        stored = json.loads(memory.read_bytes())
        return {
            name: ((int(entry["size"]), int(entry["mtime_ns"])), str(entry["digest"]))
            for name, entry in stored["files"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _remember(memory: Path, entries: Mapping[str, tuple[Stamp, str]]) -> None:
    """Write the memory whole, so that two runs at once need no lock.

    A cache that cannot be written costs time, not correctness: it is left as it is.
    """
    content = {
        "files": {
            name: {"size": size, "mtime_ns": mtime_ns, "digest": digest}
            for name, ((size, mtime_ns), digest) in entries.items()
        }
    }
    partial = memory.with_name(f"{memory.name}.{os.getpid()}.{time.monotonic_ns()}")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(json.dumps(content), encoding="utf-8")
        partial.replace(memory)
    except OSError:
        with suppress(OSError):
            partial.unlink()
