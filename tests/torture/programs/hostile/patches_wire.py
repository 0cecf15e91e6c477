# Tries: replaces the functions that carry its answers
# Must hold: what arrives is plain data or nothing; no pass

import sys

for name, module in list(sys.modules.items()):
    if "evalsuite" in name:
        for part in list(vars(module)):
            if part in ("encode", "decode", "receive"):
                setattr(module, part, lambda *_: ["tuple", [["evil", 1]]])


def solve(numbers):
    return None
