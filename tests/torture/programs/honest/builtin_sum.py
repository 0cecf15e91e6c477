# Honest: the shortest


def solve(numbers):
    return sum(numbers)
