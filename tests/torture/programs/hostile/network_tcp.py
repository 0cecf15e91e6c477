# Tries: connects to a server on this machine
# Must hold: no network; nothing arrives; no pass

import socket


def solve(numbers):
    with socket.create_connection(("127.0.0.1", PORT), 1) as connection:
        connection.sendall(b"secret")
    return sum(numbers)
