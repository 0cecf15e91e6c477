# Tries: answers with every kind of false or empty value
# Must hold: none equals a sum; no pass

from itertools import cycle

values = cycle([None, False, "", b"", (), {}, set(), float("nan"), range(0), 0j])


def solve(numbers):
    return next(values)
