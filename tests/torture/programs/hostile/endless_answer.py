# Tries: answers with an iterator that never ends
# Must hold: refused by its number of items; no pass

from itertools import count


def solve(numbers):
    return count()
