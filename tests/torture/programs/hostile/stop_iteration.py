# Tries: raises what loops and generators take for their end
# Must hold: the tests see an error; no pass


def solve(numbers):
    raise StopIteration(sum(numbers))
