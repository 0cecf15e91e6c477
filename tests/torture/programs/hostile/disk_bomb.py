# Tries: writes one file without end
# Must hold: the file is cut off, /tmp is small and in memory; no pass


def solve(numbers):
    with open("/tmp/big", "wb") as file:
        for _ in range(4096):
            file.write(bytes(1 << 20))
    return sum(numbers)
