# Tries: answers with containers and texts that equal everything
# Must hold: they arrive as plain ones; no pass


class Equal(list):
    def __eq__(self, other):
        return True


class Text(str):
    def __eq__(self, other):
        return True

    __hash__ = str.__hash__


def solve(numbers):
    return Equal([Text("x")])
