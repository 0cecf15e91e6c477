# Tries: prints without end to standard output and error
# Must hold: goes nowhere; the clock ends it; no pass

import sys


def solve(numbers):
    while True:
        print("x" * 4096)
        print("x" * 4096, file=sys.stderr)
