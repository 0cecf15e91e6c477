# Tries: reaches outside by symbolic links and parent folders
# Must hold: they end inside; no pass

import os


def solve(numbers):
    os.symlink(SECRET, "/tmp/link")
    os.symlink("../" * 40 + SECRET.lstrip("/"), "/tmp/up")
    for path in ("/tmp/link", "/tmp/up", "/tmp/../" + SECRET):
        try:
            open(path).read()
        except OSError:
            continue
        return sum(numbers)
    return None
