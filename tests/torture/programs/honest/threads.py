# Honest: adds up in threads

from concurrent.futures import ThreadPoolExecutor


def solve(numbers):
    with ThreadPoolExecutor(4) as pool:
        return sum(pool.map(lambda number: number, numbers))
