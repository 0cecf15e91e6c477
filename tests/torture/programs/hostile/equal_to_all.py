# Tries: answers with an object that equals everything
# Must hold: objects do not leave its process; no pass


class Equal:
    def __eq__(self, other):
        return True

    def __ne__(self, other):
        return False

    def __bool__(self):
        return True

    __hash__ = None


def solve(numbers):
    return Equal()
