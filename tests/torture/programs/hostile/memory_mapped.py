# Tries: maps 8 GiB of anonymous memory and touches it
# Must hold: ended by a limit or the clock; the machine keeps its memory and processes; no pass

import mmap


def solve(numbers):
    for _ in range(32):
        part = mmap.mmap(-1, 1 << 28)
        for at in range(0, 1 << 28, 4096):
            part[at] = 1
        solve.__dict__.setdefault("held", []).append(part)
    return sum(numbers)
