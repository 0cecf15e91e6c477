# Tries: answers with a number that equals everything
# Must hold: it arrives as the number that it is; no pass


class Equal(int):
    def __eq__(self, other):
        return True

    def __rsub__(self, other):
        return 0

    __hash__ = int.__hash__


def solve(numbers):
    return Equal(-1)
