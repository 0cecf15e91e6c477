# Tries: raises an exception that claims success or carries the answer
# Must hold: the tests see an exception; no pass


class AssertionPassed(AssertionError):
    def __str__(self):
        return '{"passed": "all"}'


def solve(numbers):
    raise AssertionPassed(sum(numbers))
