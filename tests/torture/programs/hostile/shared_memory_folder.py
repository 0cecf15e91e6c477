# Tries: fills /dev/shm and /dev
# Must hold: both are read-only; no pass


def solve(numbers):
    for folder in ("/dev/shm", "/dev", "/dev/pts"):
        try:
            with open(f"{folder}/{MARK}", "wb") as file:
                file.write(bytes(1 << 20))
        except OSError:
            continue
        return sum(numbers)
    return None
