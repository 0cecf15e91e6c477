# Tries: forks by system calls that the C library does not wrap
# Must hold: each is refused; no pass

import ctypes
import platform

CALLS = {
    "x86_64": [(57,), (58,), (56, 17), (56, 0x11 | 0x20000000), (435, 0, 0)],
    "aarch64": [(220, 17), (435, 0, 0)],
}
libc = ctypes.CDLL(None, use_errno=True)


def solve(numbers):
    for number, *arguments in CALLS[platform.machine()]:
        if libc.syscall(number, *[ctypes.c_long(a) for a in arguments], 0, 0, 0) >= 0:
            return sum(numbers)
    return None
