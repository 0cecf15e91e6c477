# Tries: answers with a list in a list, a hundred thousand deep
# Must hold: refused; the tests' process stays whole; no pass

import sys

sys.setrecursionlimit(10**9)


def solve(numbers):
    answer = []
    for _ in range(100_000):
        answer = [answer]
    return answer
