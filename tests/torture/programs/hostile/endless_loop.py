# Tries: never answers
# Must hold: the clock ends it; no pass


def solve(numbers):
    while True:
        pass
