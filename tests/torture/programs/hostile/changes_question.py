# Tries: changes its arguments so that the tests agree with it
# Must hold: its copies change, not the tests' values; no pass


def solve(numbers):
    numbers.clear()
    return 0
