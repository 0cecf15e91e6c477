"""Whether scores depend on what was computed before, or beside them: ``doctor --prefix CKPT``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from evalsuite.doctor.engines import probe
from evalsuite.doctor.finding import Finding
from evalsuite.engines.protocols import ScoreRequest
from evalsuite.engines.transformers.sharing import ROUNDING

EXAMPLES, QUESTION, CHOICE = 160, 40, 3
"""Tokens of the examples that all questions share, of a question and of a choice."""
QUESTIONS, CHOICES = 6, 4
TOKENS = 250
"""Token ids are below this: all vocabularies are larger."""
SECONDS = 1800.0
"""For an engine to load and answer; large checkpoints take minutes to load."""
Answers = Sequence[Sequence[Any]]
"""Of each choice, its log-probability and whether it is greedy."""


def few_shot() -> list[ScoreRequest]:
    """Made-up questions with the same examples before them, choice by choice."""

    def made_up(start: int, count: int) -> tuple[int, ...]:
        return tuple((start + 31 * place**2 + 7 * place) % TOKENS for place in range(count))

    examples = made_up(5, EXAMPLES)
    return [
        ScoreRequest(
            examples + made_up(17 * question, QUESTION), made_up(question + 13 * choice, CHOICE)
        )
        for question in range(1, QUESTIONS + 1)
        for choice in range(CHOICES)
    ]


def findings(checkpoint: str, engine: str) -> Iterator[Finding]:
    """Score the same questions cold, warm, in other batches, and without sharing.

    Args:
        checkpoint: As ``--ckpt`` takes it.
        engine: ``transformers`` or ``vllm``.
    """
    shared = probe("prefix", checkpoint, engine, "yes", seconds=SECONDS)
    check = f"prefix ({engine})"
    if "error" in shared:
        yield Finding(check=check, state="fail", text=shared["error"], fix="see the message")
        return
    where = f"{checkpoint} by {shared['engine']} in {shared['dtype']}"
    if shared["why_not"]:
        text = f"{where}: each text is computed by itself ({shared['why_not']})"
        yield Finding(check=check, state="ok", text=text)
        return
    for name, what in (("warm", "asked again"), ("others", "in other batches")):
        yield _compared(check, f"{where}, {what}", shared["cold"], shared[name])
    apart = probe("prefix", checkpoint, engine, "no", seconds=SECONDS)
    if "error" in apart:
        yield Finding(check=check, state="fail", text=apart["error"], fix="see the message")
        return
    limit = ROUNDING[shared["dtype"]] * max(abs(one[0]) for one in shared["cold"])
    yield _compared(check, f"{where}, without sharing", shared["cold"], apart["cold"], limit)


def _compared(
    check: str, what: str, first: Answers, second: Answers, limit: float | None = None
) -> Finding:
    """How far two ways to compute the same log-probabilities agree.

    Args:
        check: Name of the line.
        what: What was done the second time.
        first: Answers of the first way.
        second: Answers of the second one.
        limit: The largest difference that is good; ``None``: none at all.
    """
    pairs = list(zip(first, second, strict=True))
    off = max(abs(one[0] - other[0]) for one, other in pairs)
    if off == 0:
        return Finding(check=check, state="ok", text=f"{what}: the same, bit by bit")
    flags = sum(one[1] != other[1] for one, other in pairs)
    text = f"{what}: log-probabilities differ by up to {off:.1e}, {flags} of {len(pairs)} in greed"
    if limit is not None and off <= limit:
        return Finding(check=check, state="ok", text=f"{text} (rounding: at most {limit:.1g})")
    return Finding(
        check=check,
        state="warn" if limit is None else "fail",
        text=text,
        fix="use --dtype float32" if limit is None else "run with --no-prefix-caching",
    )
