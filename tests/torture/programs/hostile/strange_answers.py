# Tries: sends forms that no honest program sends
# Must hold: refused; the tests' process stays whole; no pass

import os

FORMS = [
    '["gave", ["range", [0, ["int", "0xffffffffffff"], 1]], null]',
    '["gave", ["decimal", "1e999999999"], null]',
    '["gave", ["__import__", "os"], null]',
    '["gave", {"__class__": "int"}, null]',
    '["gave", null, ["list", []]]',
    '["gave", NaN, null]',
    '["ready"]',
    '"passed"',
    '["raised", "eval", "1"]',
    '["raised", "KeyboardInterrupt", ""]',
]
turn = iter(FORMS)


def solve(numbers):
    for handle in range(3, 16):
        try:
            for form in FORMS:
                os.write(handle, form.encode() + b"\n")
        except OSError:
            continue
    return None
