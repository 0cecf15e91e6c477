# Tries: writes a message without end on each handle it finds
# Must hold: cut off at 16 MiB; no pass

import os


def solve(numbers):
    while True:
        for handle in range(64):
            try:
                os.write(handle, b"[" * (1 << 16))
            except OSError:
                pass
