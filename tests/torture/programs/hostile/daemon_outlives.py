# Tries: leaves a daemon behind (double fork, new session)
# Must hold: refused; nothing outlives the run; no pass

import os
import time


def solve(numbers):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            while True:
                time.sleep(1)
        os._exit(0)
    return sum(numbers)
