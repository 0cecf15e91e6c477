# Tries: writes wherever it can think of
# Must hold: read-only everywhere but in its own /tmp; no pass

import os
import sys


def solve(numbers):
    folders = [
        "/",
        "/usr",
        "/usr/local",
        "/lib",
        "/bin",
        "/etc",
        "/var",
        "/var/tmp",
        "/inside",
        "/dev",
        "/home",
    ]
    for folder in [*folders, os.path.dirname(SECRET), sys.prefix, *sys.path]:
        try:
            open(os.path.join(folder, MARK), "w").close()
        except OSError:
            continue
        if not folder.startswith("/tmp"):
            return sum(numbers)
    return None
