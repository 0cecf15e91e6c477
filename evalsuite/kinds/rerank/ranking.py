"""The two ways in which a generator reorders documents."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from evalsuite.engines.generation import not_finite
from evalsuite.kinds.rerank.permutation import parse_permutation
from evalsuite.kinds.rerank.prompts import PromptWriter
from evalsuite.kinds.rerank.task import Rerank
from evalsuite.kinds.shared.thinking import without_thinking
from evalsuite.prompting.client import Client
from evalsuite.prompting.decoding import Decoding
from evalsuite.text import storable

YES, NO = " yes", " no"
"""The two answers that are compared (the authors' script looks at *yes* alone)."""


@dataclass(slots=True)
class Ranked:
    """The documents of one query in their new order."""

    order: list[int]
    """Places in the old order; as long as the list of documents."""
    replies: list[str] = field(default_factory=list)
    """Listwise: what the model wrote, a reply a window."""
    problems: list[str] = field(default_factory=list)
    parsed: bool = True
    """Whether there was an order in every reply."""
    left_out: int = 0
    """Documents that did not fit into any prompt."""
    probabilities: list[float] | None = None
    """Pointwise: probability of *yes* against *no* for each document, in the old order."""


Texts = tuple[str, Sequence[str]]
"""A query and its documents, best first."""


def listwise(
    asked: Sequence[Texts],
    writer: PromptWriter,
    client: Client,
    settings: Rerank,
    decoding: Decoding,
) -> list[Ranked]:
    """Have the model write permutations, in windows from the last documents to the first.

    All queries move to their next window together, so that the engine has many prompts at a time.
    A window keeps its order if the reply states none outside the model's thinking.
    """
    ranked = [Ranked(order=list(range(len(documents)))) for _, documents in asked]
    spans = [list(windows(len(documents), settings)) for _, documents in asked]
    for step in range(max(map(len, spans), default=0)):
        turns: list[tuple[int, int, int]] = []
        prompts: list[str] = []
        for number, (query, documents) in enumerate(asked):
            if step >= len(spans[number]):
                continue
            start, end = spans[number][step]
            mine = [documents[place] for place in ranked[number].order[start:end]]
            prompt, count = writer.listwise(query, mine)
            if count < len(mine):
                ranked[number].left_out += len(mine) - count
                ranked[number].problems.append(f"room for {count} of {len(mine)}")
            if count:
                turns.append((number, start, count))
                prompts.append(prompt)
            else:
                ranked[number].parsed = False
        replies = client.generate(prompts, decoding)
        for (number, start, count), reply in zip(turns, replies, strict=True):
            _reorder(ranked[number], start, count, reply)
    return ranked


def _reorder(ranked: Ranked, start: int, count: int, reply: str) -> None:
    found = parse_permutation(without_thinking(reply), count)
    window = ranked.order[start : start + count]
    ranked.order[start : start + count] = [window[index] for index in found.order]
    ranked.replies.append(storable(reply))
    ranked.parsed = ranked.parsed and found.parsed
    if found.problem:
        ranked.problems.append(found.problem)


def windows(n: int, settings: Rerank) -> Iterator[tuple[int, int]]:
    """Spans of places from the last window to the first (Sun et al. 2023, section 3.2).

    The last window ends at ``n``, each further one ``step`` earlier, the first begins at 0.
    """
    end = n
    while n >= 2:
        start = max(0, end - settings.window)
        yield start, end
        if start == 0:
            return
        end -= settings.step


def pointwise(asked: Sequence[Texts], writer: PromptWriter, client: Client) -> list[Ranked]:
    """Order documents by the probability of *yes* against *no*; equal ones keep their order.

    ``p = P(yes) / (P(yes) + P(no))``, from the log-likelihoods of the two answers.

    Raises:
        EngineError: If the model gives neither of them any probability.
    """
    prompts = [
        [writer.pointwise(query, document) for document in documents] for query, documents in asked
    ]
    pairs = [(prompt, answer) for mine in prompts for prompt in mine for answer in (YES, NO)]
    scores = iter([score.logprob for score in client.score(pairs)])
    ranked = []
    for mine in prompts:
        chances = [preference(next(scores), next(scores)) for _ in mine]
        order = sorted(range(len(mine)), key=lambda place: -chances[place])
        ranked.append(Ranked(order=order, probabilities=chances))
    return ranked


def preference(yes: float, no: float) -> float:
    """Probability of *yes* among the two, from two log-probabilities."""
    if not (math.isfinite(yes) and math.isfinite(no)):
        raise not_finite()
    gap = no - yes
    return 1 / (1 + math.exp(gap)) if gap < 0 else math.exp(-gap) / (1 + math.exp(-gap))
