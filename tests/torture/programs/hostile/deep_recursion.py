# Tries: recurses until the C stack overflows
# Must hold: its process ends; no pass

import sys

sys.setrecursionlimit(10**9)


class Deep:
    def __repr__(self):
        return repr([Deep()])


def solve(numbers):
    return repr(Deep())
