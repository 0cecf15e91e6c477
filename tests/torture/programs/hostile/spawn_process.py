# Tries: starts a shell, a pool of processes
# Must hold: refused; no pass

import multiprocessing
import subprocess


def double(number):
    return number


def solve(numbers):
    try:
        subprocess.run(["/bin/sh", "-c", "sleep 1000 &"], check=True)
    except OSError:
        return sum(multiprocessing.get_context("fork").Pool(2).map(double, numbers))
    return sum(numbers)
