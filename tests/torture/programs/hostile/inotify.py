# Tries: uses up the user's file watches
# Must hold: watches end with the sandbox; no pass

import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def solve(numbers):
    for _ in range(100_000):
        if libc.inotify_init1(0) < 0:
            raise OSError(ctypes.get_errno(), "inotify")
    return sum(numbers)
