# Tries: reads accounts, keys and the user's files
# Must hold: there are none; no pass

import os


def solve(numbers):
    for path in (
        SECRET,
        "/etc/passwd",
        "/etc/shadow",
        "/etc/hostname",
        "/root/.bashrc",
        "/home",
        "/work",
    ):
        try:
            os.listdir(path) if os.path.isdir(path) else open(path).read()
        except OSError:
            continue
        return sum(numbers)
    return None
