# Tries: leaves by chroot and pivot_root, changes its user
# Must hold: refused; no pass

import ctypes
import os

libc = ctypes.CDLL(None, use_errno=True)


def solve(numbers):
    for attempt in (
        lambda: os.chroot("/tmp"),
        lambda: os.setuid(1),
        lambda: os.setgid(1),
        lambda: os.setgroups([0]),
        lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(50)),
        lambda: os.setpriority(os.PRIO_PROCESS, 0, -20),
    ):
        try:
            attempt()
        except OSError:
            continue
        return sum(numbers)
    return sum(numbers) if libc.personality(0x0400000) >= 0 else None
