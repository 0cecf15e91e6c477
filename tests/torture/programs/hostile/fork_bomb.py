# Tries: forks without end
# Must hold: ended by a limit or the clock; the machine keeps its memory and processes; no pass

import os


def solve(numbers):
    forked = os.fork()  # the right answer only if this works
    while True:
        os.fork()
        if not forked:
            return sum(numbers)
