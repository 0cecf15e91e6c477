# Tries: connects to a Unix socket without a file name
# Must hold: refused; nothing arrives; no pass

import socket


def solve(numbers):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + MARK)
        connection.sendall(b"secret")
    return sum(numbers)
