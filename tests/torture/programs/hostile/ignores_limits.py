# Tries: handles SIGTERM, SIGXCPU and SIGALRM and goes on computing
# Must hold: the clock ends it; no pass

import signal

for number in (signal.SIGTERM, signal.SIGXCPU, signal.SIGALRM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, lambda *_: None)
signal.setitimer(signal.ITIMER_REAL, 0)


def solve(numbers):
    while True:
        sum(numbers)
