# Honest: a class with its own operators

from dataclasses import dataclass


@dataclass(frozen=True)
class Total:
    value: int = 0

    def __add__(self, other):
        return Total(self.value + other)


def solve(numbers):
    total = Total()
    for number in numbers:
        total = total + number
    return total.value
