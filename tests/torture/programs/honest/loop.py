# Honest: a loop, and an in-place change of its argument


def solve(numbers):
    total = 0
    while numbers:
        total += numbers.pop()
    return total
