"""How few forward passes answer a wave of scoring requests."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from evalsuite.engines.protocols import ScoreRequest
from evalsuite.engines.vllm.shared_beginnings import block_paths

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WholeText:
    """A request that is run by itself, with the log-probabilities of its whole text."""

    request: int
    apart: int = 0
    """Tokens at the beginning of the continuation that passes over positions answer."""
    reads: bool = True
    """Whether it may read what earlier prompts with the same beginning left."""


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """What has to be run."""

    positions: dict[Tokens, Tokens]
    """Context → distinct token ids whose log-probabilities behind it are needed: at most one pass
    each, of which only the last position meets the language model's head."""
    whole: tuple[WholeText, ...]
    longer: dict[Tokens, Tokens]
    """Context → the one other context that is this and a token more. A pass over the first that is
    continued by a token has answered both, if that token is the model's choice."""


def positions(request: ScoreRequest) -> Iterator[tuple[Tokens, int]]:
    """For each token of the continuation all that stands before it, and the token."""
    context, continuation = request.context_ids, request.continuation_ids
    for place, token in enumerate(continuation):
        yield context + continuation[:place], token


def plan_scores(requests: Sequence[ScoreRequest], block: int | None = None) -> ScorePlan:
    """Share forward passes among requests with one context.

    The choices of a question share what stands before them and often, as in a chat template whose
    last line break goes to the choice, their first tokens. Where there are no more different
    beginnings than requests, each beginning is asked for once: one position for choices of one
    token, two for a line break and a letter, however many choices there are.

    Args:
        requests: Different ones, with continuations of at least one token.
        block: Tokens in a block of what prompts with the same beginning read; ``None`` if they
            read nothing.
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
    texts = _whole_texts(requests, whole, asked, block)
    for text in texts:
        for context, token in islice(positions(requests[text.request]), text.apart):
            asked.setdefault(context, {})[token] = None
    return ScorePlan(
        {context: tuple(tokens) for context, tokens in asked.items()},
        tuple(text for text in texts if text.apart < len(requests[text.request].continuation_ids)),
        _longer(asked, block),
    )


def _whole_texts(
    requests: Sequence[ScoreRequest],
    whole: Sequence[int],
    contexts: Collection[Tokens],
    block: int | None,
) -> list[WholeText]:
    """How the requests are run that are run by themselves.

    A position that is read instead of computed has no log-probability. Continuations with one
    context that begin alike may share a block that reaches into them, and so may a continuation and
    another request's context: of the second one, vLLM would compute only what follows it. Passes
    over positions answer the tokens up to there. Where they would take longer than computing the
    whole text, it reads nothing.
    """
    if block is None:
        return [WholeText(index) for index in whole]
    mine = [requests[index].context_ids + requests[index].continuation_ids for index in whole]
    texts = []
    for index, read in zip(whole, _most_read(mine, contexts, block), strict=True):
        context = len(requests[index].context_ids)
        apart = max(0, read - context + 1)
        reads = apart * block < 2 * context
        texts.append(WholeText(index, apart if reads else 0, reads))
    return texts


def _most_read(texts: Sequence[Tokens], others: Collection[Tokens], block: int) -> list[int]:
    """Of each text, the tokens that it would read if all others had been run before it."""
    prompts = [*texts, *others]
    # The last token of a prompt is always computed.
    paths = block_paths(prompts, [len(prompt) - 1 for prompt in prompts], block)
    return [
        min(len(path), (len(text) - 1) // block) * block
        for text, path in zip(texts, paths, strict=False)
    ]


def _longer(contexts: Collection[Tokens], block: int | None) -> dict[Tokens, Tokens]:
    """Pairs of contexts, none of them in two pairs.

    The model may go on by another token than the longer context. No such token may end a block:
    what other prompts read would depend on it, and on when they run.
    """
    by_beginning: dict[Tokens, list[Tokens]] = {}
    for context in contexts:
        by_beginning.setdefault(context[:-1], []).append(context)
    pairs: dict[Tokens, Tokens] = {}
    second: set[Tokens] = set()
    for context in sorted(contexts, key=len):
        found = by_beginning.get(context, [])
        ends_block = block is not None and (len(context) + 1) % block == 0
        if len(found) == 1 and context not in second and not ends_block:
            pairs[context] = found[0]
            second.add(found[0])
    return pairs
