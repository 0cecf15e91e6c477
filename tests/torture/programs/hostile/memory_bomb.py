# Tries: takes 16 GiB
# Must hold: ended by a limit or the clock; the machine keeps its memory and processes; no pass


def solve(numbers):
    held = [bytearray(1 << 28) for _ in range(64)]
    for part in held:
        part[::4096] = b"x" * len(part[::4096])
    return sum(numbers)
