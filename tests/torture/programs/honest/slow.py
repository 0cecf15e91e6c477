# Honest: computes for a while


def solve(numbers):
    count = 0
    for _ in range(200_000):
        count += 1
    return sum(numbers) + count - 200_000
