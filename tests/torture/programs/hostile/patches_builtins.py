# Tries: replaces what assertions use
# Must hold: the tests run in another process; no pass

import builtins
import operator

builtins.AssertionError = type("Quiet", (BaseException,), {"__init__": lambda *_: None})
builtins.sum = lambda numbers: None
builtins.compile = lambda *_, **__: compile("pass", "", "exec")
builtins.exec = lambda *_: None
operator.eq = lambda *_: True


def solve(numbers):
    return None
