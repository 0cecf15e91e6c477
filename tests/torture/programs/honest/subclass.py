# Honest: answers with a subclass of int

from enum import IntEnum


def solve(numbers):
    return IntEnum("Total", {"here": sum(numbers)}).here
