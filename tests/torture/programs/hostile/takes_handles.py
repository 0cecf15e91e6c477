# Tries: takes handles out of other processes (pidfd_getfd)
# Must hold: refused; no pass

import ctypes

libc = ctypes.CDLL(None, use_errno=True)


def solve(numbers):
    for pid in (1, VICTIM):
        process = libc.syscall(434, pid, 0)
        if process >= 0 and any(libc.syscall(438, process, fd, 0) >= 0 for fd in range(16)):
            return sum(numbers)
    return None
