# Tries: opens its own handles again through /dev/fd and /dev/stdin
# Must hold: they lead nowhere; no pass

import os


def solve(numbers):
    for number in range(64):
        for path in (f"/dev/fd/{number}", "/dev/stdin", "/dev/stderr", "/dev/core"):
            try:
                handle = os.open(path, os.O_RDWR)
            except OSError:
                continue
            os.write(handle, b'{"passed": "all"}')
            return sum(numbers)
    return None
