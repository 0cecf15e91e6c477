# Tries: kills whatever process it can name
# Must hold: others have no number here; no pass

import os
import signal


def solve(numbers):
    for pid in (VICTIM, os.getppid(), 1, -1, 0 - VICTIM):
        try:
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGKILL)
        except OSError:
            continue
    os.kill(VICTIM, 0)
    return sum(numbers)
