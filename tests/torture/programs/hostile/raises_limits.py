# Tries: raises its own limits
# Must hold: hard limits stay; no pass

import resource


def solve(numbers):
    for name in ("AS", "CPU", "FSIZE", "NPROC", "NOFILE", "CORE", "MEMLOCK"):
        kind = getattr(resource, f"RLIMIT_{name}")
        try:
            resource.setrlimit(kind, (1 << 40, 1 << 40))
        except (OSError, ValueError):
            continue
        return sum(numbers)
    return None
