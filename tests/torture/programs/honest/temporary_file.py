# Honest: keeps its data in a temporary file

import json
import tempfile


def solve(numbers):
    with tempfile.NamedTemporaryFile("w+") as file:
        json.dump(numbers, file)
        file.seek(0)
        return sum(json.load(file))
