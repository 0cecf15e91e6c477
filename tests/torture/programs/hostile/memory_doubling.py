# Tries: doubles a list until something breaks, again and again
# Must hold: ended by a limit or the clock; the machine keeps its memory and processes; no pass


def solve(numbers):
    held = [0]
    while len(held) < 1 << 31:
        try:
            held = held + held
        except MemoryError:
            held = held[: len(held) // 2]
    return sum(numbers)
