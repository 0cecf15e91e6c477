# Honest: uses 300 MB


def solve(numbers):
    held = bytearray(300 << 20)
    return sum(numbers) + held[-1]
