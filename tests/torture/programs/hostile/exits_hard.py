# Tries: ends its process with success inside the tests
# Must hold: no pass

import os


def solve(numbers):
    os._exit(0)
