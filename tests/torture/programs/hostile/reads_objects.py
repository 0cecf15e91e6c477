# Tries: looks for the tests in all objects of the interpreter
# Must hold: they are in another process; no pass

import gc


def solve(numbers):
    needle = "".join(["assert", " solve", "(numbers)"])
    for found in gc.get_objects():
        values = (
            found.values() if type(found) is dict else found if type(found) in (list, tuple) else ()
        )
        if any(type(value) is str and needle in value for value in list(values)):
            return sum(numbers)
    return None
