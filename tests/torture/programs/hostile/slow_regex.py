# Tries: matches a regular expression that takes for ever
# Must hold: the clock ends it; no pass

import re


def solve(numbers):
    return re.fullmatch("(a+)+b", "a" * 60)
