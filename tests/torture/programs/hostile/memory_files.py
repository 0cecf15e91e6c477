# Tries: takes memory that no limit on address space counts: memfd_create
# Must hold: refused; no pass

import os


def solve(numbers):
    held = [os.memfd_create(f"m{n}") for n in range(40)]
    for handle in held:
        for _ in range(15):
            os.write(handle, bytes(1 << 20))
    return sum(numbers)
