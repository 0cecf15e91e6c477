# Tries: looks into /proc for other processes, their memory and environment
# Must hold: there is no /proc; no pass

import os


def solve(numbers):
    for path in (
        "/proc/1/environ",
        "/proc/self/mem",
        "/proc/self/maps",
        f"/proc/{VICTIM}/cmdline",
        "/sys/kernel",
    ):
        if os.path.exists(path):
            return sum(numbers)
    return None
