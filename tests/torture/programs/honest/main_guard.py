# Honest: calls itself when run as a script, and reads no input


def solve(numbers):
    return sum(numbers)


if __name__ == "__main__":
    print(solve([1, 2, 3]))
