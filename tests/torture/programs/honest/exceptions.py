# Honest: raises and catches exceptions


def solve(numbers):
    total = 0
    for at in range(10_000):
        try:
            total += numbers[at]
        except IndexError:
            return total
