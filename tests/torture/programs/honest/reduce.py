# Honest: functions of the standard library

from functools import reduce
from operator import add


def solve(numbers):
    return reduce(add, numbers, 0)
