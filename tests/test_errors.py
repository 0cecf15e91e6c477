"""What errors say in one line."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import AfterValidator, BaseModel, ValidationError

from evalsuite.errors import first_invalid, first_line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one"), "one"),
        (ValueError("  one\ntwo"), "one"),
        (ValueError("\n \n two \nthree"), "two"),
        (ValueError(), "ValueError()"),
        (TimeoutError(" \n"), "TimeoutError(' \\n')"),
        (OSError(2, "No such file", "x"), "[Errno 2] No such file: 'x'"),
    ],
)
def test_the_first_line_of_an_error(error: Exception, line: str) -> None:
    assert first_line(error) == line


def refuse(value: int) -> int:
    raise ValueError(f"{value} is odd")


class Row(BaseModel):
    numbers: list[Annotated[int, AfterValidator(refuse)]]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([3], ("numbers.0", "3 is odd")),
        ("x", ("numbers", "Input should be a valid list")),
    ],
)
def test_the_first_value_that_a_model_refuses(numbers: object, expected: tuple[str, str]) -> None:
    with pytest.raises(ValidationError) as caught:
        Row.model_validate({"numbers": numbers})
    assert first_invalid(caught.value) == expected
