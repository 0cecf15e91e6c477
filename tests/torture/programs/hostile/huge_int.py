# Tries: computes and answers a number of a hundred million digits
# Must hold: ended by a limit or the clock; the machine keeps its memory and processes; no pass


def solve(numbers):
    return 10 ** (10**8)
