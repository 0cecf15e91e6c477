# Tries: changes the interpreter's own files and their compiled copies
# Must hold: read-only; the next run is as the first; no pass

import os
import shutil


def solve(numbers):
    for path in (os.__file__, shutil.__file__):
        for attempt in (
            lambda p: os.chmod(p, 0o666),
            lambda p: open(p, "a"),
            os.unlink,
            lambda p: os.rename(p, p + MARK),
        ):
            try:
                attempt(path)
            except OSError:
                continue
            return sum(numbers)
    return None
