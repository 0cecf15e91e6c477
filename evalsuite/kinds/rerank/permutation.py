"""What order a model has written down."""

from __future__ import annotations

import re
from dataclasses import dataclass

_BRACKETED = re.compile(r"\[\s*(\d{1,6})\s*\]")
_FIRST_NUMBER = re.compile(r"\d{1,6}")


@dataclass(frozen=True, slots=True)
class Permutation:
    """An order of ``n`` documents."""

    order: tuple[int, ...]
    """Every index from 0 to ``n - 1`` once."""
    listed: int
    """How many of them the model named; the others follow in their old order."""
    problem: str | None
    """What was wrong with the reply; ``None`` for a whole permutation."""

    @property
    def parsed(self) -> bool:
        """Whether the model named any document."""
        return self.listed > 0


def parse_permutation(reply: str, n: int) -> Permutation:
    """Read an order like ``[4] > [2] > [0]``.

    Identifiers are the numbers in brackets or, where there are none, the first number of each
    part between signs ``>``. Of an identifier that comes twice the first counts; those that no
    document has are passed over; documents that are not named follow in their old order, as in
    Sun et al. (2023). Without any identifier the old order stays.

    Args:
        reply: What the model wrote.
        n: Number of documents; identifiers are 0 to ``n - 1``.
    """
    written = [int(number) for number in _BRACKETED.findall(reply)]
    if not written and ">" in reply:
        parts = (_FIRST_NUMBER.search(part) for part in reply.split(">"))
        written = [int(found.group()) for found in parts if found]
    named = list(dict.fromkeys(number for number in written if number < n))
    order = (*named, *(index for index in range(n) if index not in set(named)))
    return Permutation(order=order, listed=len(named), problem=_problem(written, named, n))


def _problem(written: list[int], named: list[int], n: int) -> str | None:
    if not named:
        return "no ranking in the reply"
    found = []
    if len(named) < n:
        found.append(f"{n - len(named)} of {n} not named")
    if unknown := sum(number >= n for number in written):
        found.append(f"{unknown} unknown identifiers")
    if repeated := sum(number < n for number in written) - len(named):
        found.append(f"{repeated} repeated")
    return ", ".join(found) or None
