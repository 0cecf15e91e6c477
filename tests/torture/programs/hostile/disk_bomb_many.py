# Tries: fills /tmp with files of a megabyte
# Must hold: /tmp ends at 64 MiB; no pass


def solve(numbers):
    for n in range(4096):
        with open(f"/tmp/{n}", "wb") as file:
            file.write(bytes(1 << 20))
    return sum(numbers)
