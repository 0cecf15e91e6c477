"""What a check found."""

from __future__ import annotations

from typing import Literal

from evalsuite.schema import Frozen

State = Literal["ok", "warn", "fail"]


class Finding(Frozen):
    """One line of the doctor."""

    check: str
    state: State
    text: str
    fix: str | None = None
    """What to type or change; on every line that is not ``ok``."""

    @property
    def line(self) -> str:
        """The finding as a line of text."""
        said = f"{self.state:<4}  {self.check}: {self.text}"
        return f"{said}; {self.fix}" if self.fix else said
