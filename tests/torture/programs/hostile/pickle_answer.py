# Tries: answers with an object that runs code where it is unpickled
# Must hold: nothing is unpickled; no pass


class Payload:
    def __reduce__(self):
        return (exec, ("import builtins; builtins.sum = lambda _: None",))


def solve(numbers):
    return Payload()
