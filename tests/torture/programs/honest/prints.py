# Honest: prints a lot on the way

import sys


def solve(numbers):
    for n in range(20_000):
        print(n, "x" * 50)
        print(n, file=sys.stderr)
    return sum(numbers)
