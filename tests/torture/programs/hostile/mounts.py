# Tries: mounts a file system, or makes the read-only ones writable
# Must hold: refused; no pass

import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def solve(numbers):
    for source, target, kind, flags in (
        (b"none", b"/tmp", b"tmpfs", 0),
        (b"proc", b"/tmp", b"proc", 0),
        (None, b"/", None, 32),
        (None, b"/usr", None, 32 | 4096),
        (b"/", b"/tmp", None, 4096),
    ):
        if libc.mount(source, target, kind, flags, None) == 0:
            return sum(numbers)
    return sum(numbers) if libc.umount2(b"/dev", 2) == 0 else None
