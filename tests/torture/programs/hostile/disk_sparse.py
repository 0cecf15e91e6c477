# Tries: makes a file of a terabyte with nothing in it
# Must hold: refused; no pass

import signal


def solve(numbers):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open("/tmp/sparse", "wb") as file:
        file.truncate(1 << 40)
    return sum(numbers)
