# Tries: leaves with success inside the tests
# Must hold: no pass

import sys


def solve(numbers):
    sys.exit(0)
