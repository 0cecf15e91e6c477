"""Which part of a response is the program."""

from __future__ import annotations

import pytest

from evalsuite.kinds.lm_eval.programs import program
from evalsuite.kinds.shared.thinking import without_thinking

HEADER = 'def double(n):\n    """Return twice n."""'
GOOD = "def double(n):\n    return 2 * n\n"
DRAFT = "def double(n):\n    return n\n"


@pytest.mark.parametrize(
    "response",
    [
        f"Install first:\n```bash\npip install numpy\n```\nThen:\n```python\n{GOOD}```\n",
        f"~~~python\n{GOOD}~~~",
        f"```python\n{GOOD}".replace("\n", "\r\n"),
        f"```python\n{GOOD}```\nUse it:\n```python\nprint(double(3))\n```",
        f"First:\n```python\n{DRAFT}```\nBetter:\n```python\n{GOOD}```",
        f"<think>\nlet me write ```python\n{DRAFT}``` no\n</think>\n```python\n{GOOD}```",
        f"let me write ```python\n{DRAFT}```\n</think>\n```python\n{GOOD}```",
        f"```python\n{GOOD}```\n<think>or\n```python\n{DRAFT}```",
        "1. Write:\n   ```python\n   " + GOOD.strip().replace("\n", "\n   ") + "\n   ```",
        f"````\n{GOOD}\n````",
        "```python\n    return 2 * n\n```",
        "\n    return 2 * n\n\nprint(double(3))",
        "\n    return 2 * n\n\nThis doubles n.",
        f"<think>hm</think>\n```\nimport math\n\n\nasync_ = 1\n\n{GOOD}```",
    ],
)
def test_the_program_doubles(response: str) -> None:
    space: dict[str, object] = {}
    exec(program(HEADER, response, "double"), space)
    double = space["double"]
    assert callable(double)
    assert double(21) == 42


def test_a_model_that_never_ends_to_think_has_written_nothing() -> None:
    assert program(HEADER, f"<think>\n```python\n{GOOD}```", "double") == HEADER
    assert without_thinking("a<think>b</think>c<thinking>d") == "ac"
