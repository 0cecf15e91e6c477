# Tries: makes empty files without end
# Must hold: ended by a limit or the clock; the machine keeps its memory and processes; no pass


def solve(numbers):
    n = 0
    while n < 1 << 24:
        open(f"/tmp/{n}", "wb").close()
        n += 1
    return sum(numbers)
