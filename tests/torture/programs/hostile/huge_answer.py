# Tries: answers with a gigantic text
# Must hold: refused by its size; no pass


def solve(numbers):
    return "x" * (500 << 20)
