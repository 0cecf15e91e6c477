"""Texts as a tree of what they begin with in common, and the forward passes that compute it.

A token that several texts have in common, with all that stands before it, is one place of the tree,
and is computed once::

    examples of the task ─┬─ question 1 ─┬─ A
                          │              └─ B
                          └─ question 2 ─┬─ A
                                         └─ B

A beginning with more below it than fits into one pass is computed by itself, and its keys and
values are kept while what is below it is computed. The rest goes into passes of one row each, in
which branches stand one behind the other: each token sees what is kept, and in the row those tokens
that precede it in its own text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

Tokens = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Branch:
    """Tokens between two places where texts part.

    Attributes:
        text: A text that goes through this branch.
        start: How many tokens of the text stand before the branch.
        end: The same, with the branch.
        above: The branch that this one continues; ``None`` for the root, which has no tokens.
        below: The branches that continue this one.
        size: Tokens of this branch and all below it.
    """

    text: Tokens
    start: int
    end: int
    above: Branch | None
    below: list[Branch] = field(default_factory=list)
    size: int = 0

    def __len__(self) -> int:
        """Number of its own tokens."""
        return self.end - self.start

    def upwards(self) -> Iterator[Branch]:
        """This branch, the one above it, and so on to the root."""
        at: Branch | None = self
        while at is not None:
            yield at
            at = at.above

    def downwards(self) -> Iterator[Branch]:
        """This branch and all below it, each behind the one above it."""
        waiting = [self]
        while waiting:
            at = waiting.pop()
            yield at
            waiting += reversed(at.below)


@dataclass(frozen=True, slots=True)
class ForwardPass:
    """One row of tokens.

    Attributes:
        past: How many kept positions the row stands behind.
        pieces: Branch, and the part of its text that the row holds of it. A piece stands behind
            the piece of the branch above it, or else behind what is kept.
        kept: Whether keys and values of the row are kept behind those before it.
    """

    past: int
    pieces: tuple[tuple[Branch, int, int], ...]
    kept: bool


def token_tree(texts: Sequence[Tokens]) -> tuple[Branch, list[Branch]]:
    """Arrange texts by what they begin with.

    Args:
        texts: In any order; may be equal, or the beginning of others.

    Returns:
        The root, and of each text the branch at whose end it ends. The same texts in another order
        give the same tree.
    """
    root = Branch((), 0, 0, None)
    ends = [root] * len(texts)
    last: Tokens = ()
    at = root
    for index in sorted(range(len(texts)), key=texts.__getitem__):
        text = texts[index]
        shared = _common(last, text)
        at = _place(at, shared)
        if shared < len(text):
            new = Branch(text, shared, len(text), at)
            at.below.append(new)
            at = new
        ends[index] = at
        last = text
    for branch in reversed(list(root.downwards())):
        branch.size = len(branch) + sum(one.size for one in branch.below)
    return root, ends


def _common(one: Tokens, other: Tokens) -> int:
    """How many tokens two texts begin with in common."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _place(at: Branch, depth: int) -> Branch:
    """The branch on the way up from ``at`` that ends after ``depth`` tokens; made if need be."""
    while at.above is not None and at.above.end >= depth:
        at = at.above
    if at.end == depth or at.above is None:
        return at
    above = at.above
    upper = Branch(at.text, at.start, depth, above, [at])
    above.below[above.below.index(at)] = upper
    at.start, at.above = depth, upper
    return upper


def passes(root: Branch, most: int, worth: int) -> Iterator[ForwardPass]:
    """The passes that compute all of a tree.

    Args:
        root: The tree.
        most: Tokens of a pass at most.
        worth: A beginning is kept if that spares at least so many tokens; a shorter one is computed
            again in each row that needs it. At most ``most``.
    """
    row = _Row(root)
    waiting = [(branch, root) for branch in reversed(root.below)]
    while waiting:
        branch, kept = waiting.pop()
        if branch.start - kept.end + branch.size <= most:
            if row.kept is not kept or row.tokens + row.cost(branch) > most:
                yield from row.passes()
                row = _Row(kept)
            row.add(branch)
            continue
        rows = -(-(branch.size - len(branch)) // most)
        if not branch.below or (branch.end - kept.end) * rows >= worth:
            yield from row.passes()
            yield from _alone(branch, kept, most)
            kept = branch
            row = _Row(kept)
        waiting += [(below, kept) for below in reversed(branch.below)]
    yield from row.passes()


def _alone(branch: Branch, kept: Branch, most: int) -> Iterator[ForwardPass]:
    """Passes over a branch, and what is not kept yet of its beginning."""
    line = [one for one in branch.upwards() if one.end > kept.end][::-1]
    for start in range(kept.end, branch.end, most):
        end = min(start + most, branch.end)
        pieces = ((one, max(one.start, start), min(one.end, end)) for one in line)
        yield ForwardPass(start, tuple(piece for piece in pieces if piece[1] < piece[2]), kept=True)


class _Row:
    """Branches for one pass.

    Attributes:
        kept: The branch at whose end what is kept ends.
        tokens: Of all branches so far.
    """

    def __init__(self, kept: Branch) -> None:
        self.kept = kept
        self.tokens = 0
        self._branches: dict[Branch, None] = {}

    def cost(self, branch: Branch) -> int:
        """Tokens that a branch would add, with all below it and what is missing above it."""
        return branch.size + sum(map(len, self._missing(branch)))

    def add(self, branch: Branch) -> None:
        """Add a branch, what is missing above it, and all below it."""
        self.tokens += self.cost(branch)
        self._branches |= dict.fromkeys([*self._missing(branch), *branch.downwards()])

    def passes(self) -> Iterator[ForwardPass]:
        """One pass, or none where the row is empty."""
        if self._branches:
            pieces = tuple((branch, branch.start, branch.end) for branch in self._branches)
            yield ForwardPass(self.kept.end, pieces, kept=False)

    def _missing(self, branch: Branch) -> list[Branch]:
        """Branches between what is kept and this one that the row lacks, the uppermost first."""
        above = takewhile(lambda one: one is not self.kept, branch.upwards())
        return [one for one in above if one is not branch and one not in self._branches][::-1]
