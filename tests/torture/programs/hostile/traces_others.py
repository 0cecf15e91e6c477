# Tries: traces or reads the memory of other processes
# Must hold: refused; no pass

import ctypes
import platform

PTRACE, READ = {"x86_64": (101, 310), "aarch64": (117, 270)}[platform.machine()]
libc = ctypes.CDLL(None, use_errno=True)


def solve(numbers):
    for pid in (1, VICTIM):
        if libc.syscall(PTRACE, 16, pid, 0, 0) == 0:  # PTRACE_ATTACH
            return sum(numbers)
        if libc.syscall(READ, pid, 0, 0, 0, 0, 0) == 0:
            return sum(numbers)
    return sum(numbers) if libc.syscall(PTRACE, 0, 0, 0, 0) == 0 else None
