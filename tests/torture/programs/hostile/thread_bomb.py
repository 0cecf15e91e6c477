# Tries: starts threads without end
# Must hold: ended by a limit or the clock; the machine keeps its memory and processes; no pass

import threading
import time


def solve(numbers):
    started = 0
    while started < 2000:
        threading.Thread(target=time.sleep, args=(1000,)).start()
        started += 1
    return sum(numbers)
