# Tries: kills the first process of its sandbox, its group and its session
# Must hold: only itself, if anything; no pass

import os
import signal


def solve(numbers):
    for number in (signal.SIGKILL, signal.SIGSEGV, signal.SIGINT):
        os.kill(1, number)
    os.killpg(0, signal.SIGKILL)
    return None
