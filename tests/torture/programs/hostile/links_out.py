# Tries: makes devices, hard links and handles to files outside
# Must hold: refused; no pass

import os
import stat


def solve(numbers):
    for attempt in (
        lambda: os.mknod("/tmp/disk", 0o600 | stat.S_IFBLK, os.makedev(8, 0)),
        lambda: os.mknod("/tmp/memory", 0o600 | stat.S_IFCHR, os.makedev(1, 1)),
        lambda: os.link("/usr/bin/env", "/tmp/env"),
        lambda: os.link(SECRET, "/tmp/secret"),
        lambda: os.chmod("/usr/bin/env", 0o6777),
    ):
        try:
            attempt()
        except OSError:
            continue
        return sum(numbers)
    return None
