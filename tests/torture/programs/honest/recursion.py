# Honest: recursion as deep as Python allows by default


def solve(numbers):
    def down(n):
        return 0 if n == 0 else down(n - 1)

    down(900)
    return numbers[0] + solve(numbers[1:]) if numbers else 0
