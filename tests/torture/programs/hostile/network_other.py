# Tries: tries every kind of socket: Unix, packets, kernel, virtual machine
# Must hold: refused; no pass

import socket


def solve(numbers):
    for family in (1, 2, 10, 16, 17, 38, 40):
        for kind in (1, 2, 3):
            try:
                socket.socket(family, kind)
            except OSError:
                continue
            return sum(numbers)
    return None
