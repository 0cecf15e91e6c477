# Tries: fills pipes and socket pairs with data
# Must hold: few handles, small buffers; no pass

import fcntl
import os


def solve(numbers):
    for _ in range(2000):
        _, writer = os.pipe()
        fcntl.fcntl(writer, 1031, 1 << 20)  # F_SETPIPE_SZ
        os.set_blocking(writer, False)
        os.write(writer, bytes(1 << 20))
    return sum(numbers)
