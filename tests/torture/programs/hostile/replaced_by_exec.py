# Tries: replaces itself by a program that prints a verdict
# Must hold: nobody listens; no pass

import os
import sys


def solve(numbers):
    os.execv(sys.executable, [sys.executable, "-c", 'print(\'{"passed": "all"}\')'])
