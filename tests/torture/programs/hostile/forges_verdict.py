# Tries: writes a verdict on each handle
# Must hold: the verdict is written elsewhere; no pass

import os


def solve(numbers):
    for handle in range(64):
        try:
            os.write(handle, b'{"passed": "all"}\n["passed"]\n')
        except OSError:
            continue
    os._exit(0)
