"""The four claims of the GRIT paper's abstract beside what was measured for a checkpoint.

Each is turned into a statement that data can answer, and the answer is one of three: it holds, it
does not hold, or this data cannot decide.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from evalsuite.results.compare.suite import AverageLine, SuiteComparison
from evalsuite.results.published import PublishedTable
from evalsuite.schema import Record, World

ClaimAnswer = Literal["holds", "does not hold", "not decidable"]

OWN = ("GritLM", "Gen.-only", "Emb.-only")
"""Beginnings of the names of the paper's own models."""
CLOSED = ("OpenAI", "GPT-4")
"""Beginnings of the names of models whose weights are not open."""
UP_TO = 8.0
"""Billions of parameters: "up to its size", for a model of 7 billion."""
NAMED = 4
"""Suspect tasks that are named."""
Z = 1.959964
"""Of a 95 % interval."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One claim, and what the data says of it."""

    title: str
    paper: str
    """What the abstract says, in short."""
    test: str
    """What would make it hold here."""
    measured: tuple[str, ...]
    answer: ClaimAnswer


@dataclass(frozen=True, slots=True)
class Average:
    """A suite's average in points; ``stderr`` is ``None`` where it is not known."""

    value: float
    stderr: float | None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Its 95 % interval."""
        if self.stderr is None:
            return None
        return self.value - Z * self.stderr, self.value + Z * self.stderr

    def __str__(self) -> str:
        if self.bounds is None:
            return f"{self.value:.1f} (uncertainty not known)"
        low, high = self.bounds
        return f"{self.value:.1f} (95 %: {low:.1f} to {high:.1f})"


def reservations(records: Iterable[Record], *, limit: bool) -> tuple[str, ...]:
    """Why scores cannot carry a claim, one line for each reason.

    Args:
        records: The scores that it would rest on.
        limit: Whether the claim is about whole tasks.
    """
    scored = [record for record in records if record.score is not None]
    suspect = [record.signature.task for record in scored if record.suspicions]
    found = []
    if limits := sorted({r.signature.limit for r in scored if limit and r.signature.limit}):
        shown = " or ".join(map(str, limits))
        found.append(f"measured with --limit {shown}: the claim is about whole tasks")
    if suspect:
        named = f"{', '.join(suspect[:NAMED])}{', …' if len(suspect) > NAMED else ''}"
        found.append(f"suspect scores, see the table: {named}")
    return tuple(found)


def strength(
    world: World,
    average: Average | None,
    table: PublishedTable | None,
    against: Sequence[str] = (),
) -> Claim:
    """Whether an average lies above the best published row that the claim is about.

    Args:
        world: Embedding (Table 1, against open models) or generative (Table 2, against models
            up to the size of 7 billion parameters).
        average: The checkpoint's; ``None`` where a task of it is missing.
        table: The published rows; ``None`` where the suite has none.
        against: What keeps the average from carrying the claim.
    """
    embedding = world == "embedding"
    known = {
        row.name: row.average
        for row in (table.rows if table else ())
        if row.average is not None and (is_open(row.name) if embedding else is_small(row.name))
    }
    best = max(known, key=lambda name: known[name]) if known else None
    measured: list[str] = []
    answer: ClaimAnswer = "not decidable"
    if average is None:
        measured.append(f"no {world} average: not all of its tasks are scored")
    else:
        measured.append(f"{world} average {average}")
    if best is None:
        measured.append("no published rows for this suite: the claim is about the suite grit")
    else:
        measured.append(f"best published row: {best}, {known[best]:.1f}")
    measured += against
    if average is not None and best is not None and average.bounds is not None and not against:
        low, high = average.bounds
        if low > known[best]:
            answer = "holds"
        elif high < known[best]:
            answer = "does not hold"
    return Claim(
        title="Embedding strength" if embedding else "Generative strength",
        paper="sets a new state of the art among open models on MTEB"
        if embedding
        else "outperforms all models up to its size on a range of generative tasks",
        test=f"the average of Table {1 if embedding else 2} lies above the best published "
        + ("open model's" if embedding else f"model's of up to {UP_TO:g} billion parameters"),
        measured=tuple(measured),
        answer=answer,
    )


def no_loss(
    comparisons: Mapping[World, SuiteComparison | None],
    margin: float,
    against: Mapping[World, Sequence[str]],
) -> Claim:
    """Whether a unified checkpoint is as good as one trained for one of the two alone.

    Args:
        comparisons: World → the unified checkpoint against the one trained for that world only.
        margin: Points by which the unified one may be worse.
        against: World → what keeps its scores from carrying the claim.
    """
    answers: list[ClaimAnswer] = []
    measured: list[str] = []
    for world, comparison in comparisons.items():
        if comparison is None:
            answers.append("not decidable")
            measured.append(f"{world}: no {world}-only checkpoint was given")
            continue
        line = next((a for a in comparison.averages if a.average and a.world == world), None)
        answer, said = _not_worse(line, margin)
        why_not = against.get(world, ())
        answers.append("not decidable" if why_not else answer)
        measured.append(f"{world}, against {comparison.first}: {said}")
        measured += [f"{world}: {reason}" for reason in why_not]
    return Claim(
        title="No loss by unifying",
        paper="matches training on only generative or embedding data",
        test=f"neither average lies more than {margin:g} below that of the checkpoint trained for "
        "it alone (one-sided, p < 0.05)",
        measured=tuple(measured),
        answer=joined(answers),
    )


def joined(answers: Sequence[ClaimAnswer]) -> ClaimAnswer:
    """The answer to a claim of several parts: all have to hold."""
    if "does not hold" in answers:
        return "does not hold"
    return "not decidable" if "not decidable" in answers else "holds"


def is_open(name: str) -> bool:
    """Whether a published row is an open model of others."""
    return not name.startswith((*OWN, *CLOSED))


def is_small(name: str) -> bool:
    """Whether a published row is a model of others of up to 8 billion parameters."""
    sizes = re.findall(r"(?:(\d+)x)?(\d+(?:\.\d+)?)B\b", name)
    if name.startswith(OWN) or not sizes:
        return False
    experts, each = sizes[-1]
    return float(each) * int(experts or 1) <= UP_TO


def _not_worse(line: AverageLine | None, margin: float) -> tuple[ClaimAnswer, str]:
    if line is None:
        return "not decidable", "no average: not all of its tasks are scored by both"
    scores = f"{100 * line.second:.1f} against {100 * line.first:.1f}"
    if line.difference is None:
        return "not decidable", f"{scores}, uncertainty not known"
    delta = 100 * line.difference.delta
    bounds = line.difference.interval(0.9)  # each end is a one-sided test at 5 %
    low, high = 100 * bounds.low, 100 * bounds.high
    said = f"{scores}, Δ {delta:+.1f} (90 %: {low:+.1f} to {high:+.1f})"
    if low > -margin:
        return "holds", said
    return ("does not hold" if high < -margin else "not decidable"), said
