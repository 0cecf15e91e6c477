# Tries: sleeps deaf to every signal that can be ignored
# Must hold: the clock ends it; no pass

import signal
import time

for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP}:
    signal.signal(number, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0)


def solve(numbers):
    while True:
        time.sleep(1000)
