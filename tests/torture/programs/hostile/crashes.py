# Tries: crashes the interpreter
# Must hold: its process ends; no pass

import ctypes


def solve(numbers):
    return ctypes.string_at(0)
