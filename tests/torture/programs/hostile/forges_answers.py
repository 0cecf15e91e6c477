# Tries: writes answers before it is asked
# Must hold: they are wrong unless it can foresee the questions; no pass

import os

for handle in range(3, 16):
    try:
        for _ in range(50):
            os.write(handle, b'["ready"]\n' if _ == 0 else b'["gave", 5, null]\n')
    except OSError:
        continue


def solve(numbers):
    return None
