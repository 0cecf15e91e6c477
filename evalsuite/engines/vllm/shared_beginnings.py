"""Computing a beginning that several prompts share once: which beginnings, and in which order.

vLLM keeps keys and values in blocks of tokens, and a prompt reads those that an earlier prompt with
the same beginning has left. Left to itself, which blocks a prompt finds depends on what happens to
have ended before it. Here each beginning that is shared is run by itself, up to the end of a block,
before the prompts that share it. So a prompt reads the same blocks in every run::

    [ examples of the task      ]                     run first
    [ examples of the task      ][ question 1 ]       run next, reads the examples
    [ examples of the task      ][ question 1 ] A     then each choice, reads all before it
    [ examples of the task      ][ question 1 ] B
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

from evalsuite.engines.call_scheduler import OngoingCall, Pass

Tokens = tuple[int, ...]


@dataclass(eq=False, slots=True)
class Beginning:
    """A beginning that at least two prompts share.

    Attributes:
        prompt: Index of a prompt that starts with it.
        length: Its tokens: whole blocks of them.
        beginnings: Longer beginnings that start with this one.
        prompts: Indices of the prompts for which this is the longest shared beginning.
    """

    prompt: int
    length: int
    beginnings: list[Beginning] = field(default_factory=list)
    prompts: list[int] = field(default_factory=list)


def shared_beginnings(
    prompt: Callable[[int], Tokens], readable: Sequence[int], block: int
) -> Beginning:
    """Arrange prompts as a tree of what they share.

    Args:
        prompt: Gives the token ids of a prompt by its index; thousands of prompts that share most
            of their tokens are not held side by side.
        readable: Of each prompt, how many tokens it reads where earlier ones have left them.
        block: Tokens in a block.

    Returns:
        The root: an empty beginning with what starts the longer ones, and with the prompts that
        share nothing. Prompts and beginnings stand in the order of the prompts.
    """
    paths = block_paths(map(prompt, range(len(readable))), readable, block)
    run = _nodes_to_run(paths)
    root = Beginning(0, 0)
    known: dict[int, Beginning] = {}
    for index, path in enumerate(paths):
        at = root
        for depth, node in enumerate(path, start=1):
            if node not in run:
                continue
            if node not in known:
                known[node] = Beginning(index, depth * block)
                at.beginnings.append(known[node])
            at = known[node]
        at.prompts.append(index)
    return root


def block_paths(prompts: Iterable[Tokens], readable: Iterable[int], block: int) -> list[list[int]]:
    """Of each prompt, the blocks that another one leaves too and that one of them all reads.

    A prompt leaves all its blocks, also where it may not read them.

    Returns:
        One number a block, which stands for it and all before it.
    """
    nodes: dict[tuple[int, Tokens], int] = {}
    paths: list[list[int]] = []
    read: set[int] = set()
    for tokens, most in zip(prompts, readable, strict=True):
        path: list[int] = []
        for start in range(0, len(tokens) // block * block, block):
            key = (path[-1] if path else -1, tokens[start : start + block])
            path.append(nodes.setdefault(key, len(nodes)))
        read.update(path[: most // block])
        paths.append(path)
    uses = Counter(node for path in paths for node in path)
    return [[node for node in path if uses[node] > 1 and node in read] for path in paths]


def _nodes_to_run(paths: Sequence[Sequence[int]]) -> set[int]:
    """The blocks at which a path ends, or behind which paths part."""
    following: dict[int, set[int]] = {}
    for path in paths:
        for node, after in pairwise(path):
            following.setdefault(node, set()).add(after)
    parting = {node for node, after in following.items() if len(after) > 1}
    return parting | {path[-1] for path in paths if path}


class EntryOrder:
    """When the prompts of a call may enter the engine: behind their beginnings.

    Args:
        root: The prompts as a tree of what they share.
    """

    def __init__(self, root: Beginning) -> None:
        self._beginnings: list[Beginning] = []
        self.first = self._behind(root)
        """What may enter at once: a prompt by its index (from 0), a beginning by a negative one."""

    def beginning(self, entry: int) -> Beginning:
        """The beginning that an entry stands for."""
        return self._beginnings[-1 - entry]

    def after(self, entry: int) -> list[int]:
        """What may enter once a beginning has been run."""
        return self._behind(self._beginnings[-1 - entry])

    def _behind(self, one: Beginning) -> list[int]:
        start = len(self._beginnings)
        self._beginnings += one.beginnings
        return [*one.prompts, *(-1 - number for number in range(start, len(self._beginnings)))]


def enter_behind(call: OngoingCall[Any], order: EntryOrder, settings: Any) -> None:
    """Make a call run the beginnings that its passes share before these passes.

    Its passes read nothing that calls of other jobs have left: that depends on when these run.

    Args:
        call: Not begun yet. The first number of its rank is its job's.
        order: When each pass may enter.
        settings: Sampling parameters of the pass over a beginning.
    """
    build, on_answer, group = call.build, call.on_answer, f"job {call.rank[:1]}"

    def build_entry(entry: int) -> Pass:
        if entry >= 0:
            return replace(build(entry), group=group)
        one = order.beginning(entry)
        return Pass(build(one.prompt).prompt[: one.length], settings, group)

    def on_entry(entry: int, answer: Any) -> None:
        if entry >= 0:
            on_answer(entry, answer)
        else:
            # First of all that waits, as long as the engine still has the beginning.
            call.waiting.extendleft(reversed(order.after(entry)))

    call.build, call.on_answer = build_entry, on_entry
    call.waiting = deque(order.first)
