# Tries: takes memory that no limit counts: System V shared memory
# Must hold: refused; none is left; no pass

import ctypes

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p


def solve(numbers):
    for _ in range(64):
        segment = libc.shmget(0, ctypes.c_size_t(1 << 28), 0o1600)
        if segment < 0:
            raise OSError(ctypes.get_errno(), "shmget")
        address = libc.shmat(segment, None, 0)
        ctypes.memset(address, 1, 1 << 28)
        libc.shmdt(ctypes.c_void_p(address))
    return sum(numbers)
