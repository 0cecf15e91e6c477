# Tries: tries rarely used entries of the kernel
# Must hold: refused; no pass

import ctypes
import platform

NUMBERS = {
    "x86_64": (
        321,
        298,
        323,
        250,
        248,
        425,
        246,
        175,
        313,
        169,
        300,
        304,
        319,
        447,
        29,
        68,
        64,
        240,
    ),
    "aarch64": (
        280,
        241,
        282,
        219,
        217,
        425,
        104,
        105,
        273,
        142,
        262,
        265,
        279,
        447,
        194,
        186,
        190,
        180,
    ),
}
libc = ctypes.CDLL(None, use_errno=True)


def solve(numbers):
    for number in NUMBERS[platform.machine()]:
        ctypes.set_errno(0)
        if libc.syscall(number, 0, 0, 0, 0, 0) >= 0 or ctypes.get_errno() != 1:
            return sum(numbers)
    return None
