"""How few forward passes answer a wave of scoring requests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from evalsuite.engines.protocols import ScoreRequest

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """What has to be run."""

    positions: dict[Tokens, Tokens]
    """Context → distinct token ids whose log-probabilities behind it are needed: at most one pass
    each, of which only the last position meets the language model's head."""
    whole: tuple[int, ...]
    """Requests that are run by themselves, with the log-probabilities of their whole text."""
    longer: dict[Tokens, Tokens]
    """Context → the one other context that is this and a token more. A pass over the first that is
    continued by a token has answered both, if that token is the model's choice."""


def positions(request: ScoreRequest) -> Iterator[tuple[Tokens, int]]:
    """For each token of the continuation all that stands before it, and the token."""
    context, continuation = request.context_ids, request.continuation_ids
    for place, token in enumerate(continuation):
        yield context + continuation[:place], token


def plan_scores(requests: Sequence[ScoreRequest]) -> ScorePlan:
    """Share forward passes among requests with one context.

    The choices of a question share what stands before them and often, as in a chat template whose
    last line break goes to the choice, their first tokens. Where there are no more different
    beginnings than requests, each beginning is asked for once: one position for choices of one
    token, two for a line break and a letter, however many choices there are.

    Args:
        requests: With continuations of at least one token.
    """
    by_context: dict[Tokens, list[int]] = {}
    for index, request in enumerate(requests):
        by_context.setdefault(request.context_ids, []).append(index)
    asked: dict[Tokens, dict[int, None]] = {}
    whole: list[int] = []
    for members in by_context.values():
        mine: dict[Tokens, dict[int, None]] = {}
        for index in members:
            for context, token in positions(requests[index]):
                mine.setdefault(context, {})[token] = None
        if len(mine) > len(members):
            whole += members
            continue
        for context, tokens in mine.items():
            asked.setdefault(context, {}).update(tokens)
    return ScorePlan(
        {context: tuple(tokens) for context, tokens in asked.items()}, tuple(whole), _longer(asked)
    )


def _longer(contexts: Collection[Tokens]) -> dict[Tokens, Tokens]:
    """Pairs of contexts, none of them in two pairs."""
    by_beginning: dict[Tokens, list[Tokens]] = {}
    for context in contexts:
        by_beginning.setdefault(context[:-1], []).append(context)
    pairs: dict[Tokens, Tokens] = {}
    second: set[Tokens] = set()
    for context in sorted(contexts, key=len):
        found = by_beginning.get(context, [])
        if len(found) == 1 and context not in second:
            pairs[context] = found[0]
            second.add(found[0])
    return pairs
