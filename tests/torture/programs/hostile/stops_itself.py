# Tries: stops itself, so that no alarm reaches it
# Must hold: the clock, which runs elsewhere, ends it; no pass

import os
import signal


def solve(numbers):
    os.kill(os.getpid(), signal.SIGSTOP)
    return None
