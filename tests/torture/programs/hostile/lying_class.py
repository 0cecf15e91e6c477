# Tries: answers with an object that claims to be an int
# Must hold: claims do not leave its process; no pass


class Liar:
    @property
    def __class__(self):
        return int

    def __eq__(self, other):
        return True

    def __index__(self):
        return -1

    __hash__ = None


def solve(numbers):
    return Liar()
