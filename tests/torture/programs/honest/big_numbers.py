# Honest: computes with numbers of ten thousand digits


def solve(numbers):
    shift = 10**10_000
    return sum(number + shift for number in numbers) - len(numbers) * shift
