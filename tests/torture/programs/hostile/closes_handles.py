# Tries: closes all handles
# Must hold: its process falls silent; no pass

import os


def solve(numbers):
    os.closerange(0, 4096)
    return sum(numbers)
