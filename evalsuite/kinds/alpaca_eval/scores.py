"""From a judge's verdicts to AlpacaEval's win rate."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from evalsuite.judging.judge import Reply
from evalsuite.judging.prompt import parse_ranking
from evalsuite.kinds.alpaca_eval.data import CandidateAnswer
from evalsuite.schema import digest

Order = Literal["candidate-first", "reference-first"]


def orders(instruction: str, how: Literal["random", "both"], seed: int) -> tuple[Order, ...]:
    """In which order the two answers are shown, once for each judgement.

    Drawn orders depend on the seed and the instruction alone, not on the rows around it.
    """
    if how == "both":
        return ("candidate-first", "reference-first")
    odd = int(digest(["order", seed, instruction])[:8], 16) % 2
    return ("reference-first",) if odd else ("candidate-first",)


@dataclass(frozen=True, slots=True)
class Sample:
    """One instruction with its judgements; equal answers have none and are a tie."""

    number: int
    answer: CandidateAnswer
    order: tuple[Order, ...]
    replies: tuple[Reply, ...]

    @property
    def equal(self) -> bool:
        """Whether there is nothing to judge."""
        return self.answer.response == self.answer.reference

    @property
    def parsed(self) -> list[float | None]:
        """The candidate's share of the win, by each judgement."""
        return [_share(o, r) for o, r in zip(self.order, self.replies, strict=True)]

    @property
    def score(self) -> float | None:
        """Mean over the judgements; ``None`` unless there is a verdict in each of them."""
        if self.equal:
            return 0.5
        found = [share for share in self.parsed if share is not None]
        return math.fsum(found) / len(found) if len(found) == len(self.order) else None

    @property
    def problem(self) -> str | None:
        """Why there is no score."""
        for reply, share in zip(self.replies, self.parsed, strict=True):
            if reply.problem is not None:
                return reply.problem
            if share is None:
                return f"no ranking in the reply {_shown(reply.text or '')}"
        return None

    def row(self) -> dict[str, Any]:
        """The sample as the store keeps it."""
        return {
            "sample": str(self.number),
            "score": self.score,
            "prompt": self.answer.prompt,
            "response": self.answer.response,
            "reference": self.answer.reference,
            "order": list(self.order),
            "judgement": [reply.text for reply in self.replies],
            "parsed": self.parsed,
            "problem": self.problem,
        }


def _share(order: Order, reply: Reply) -> float | None:
    first = None if reply.text is None else parse_ranking(reply.text)
    if first is None or order == "candidate-first":
        return first
    return 1.0 - first


def _shown(text: str) -> str:
    plain = " ".join(text.split())
    return repr(plain if len(plain) <= 60 else f"{plain[:59]}…")


@dataclass(frozen=True, slots=True)
class WinRates:
    """Scores over all samples."""

    win_rate: float
    stderr: float | None
    judged: int
    metrics: dict[str, float]
    warnings: tuple[str, ...]
    raw: dict[str, Any]


def summarise(samples: Sequence[Sample]) -> WinRates | None:
    """Mean score over the judged samples, as alpaca-eval's ``pairwise_to_winrate`` has it.

    The standard error is the standard deviation (``n - 1``) over the root of ``n``. Samples
    without a verdict do not count; their share is the metric ``unjudged``.

    Returns:
        ``None`` if no sample was judged.
    """
    scores = [score for sample in samples if (score := sample.score) is not None]
    if not scores:
        return None
    lost = [sample for sample in samples if sample.score is None]
    length = statistics.fmean(len(sample.answer.response) for sample in samples)
    reference = statistics.fmean(len(sample.answer.reference) for sample in samples)
    win_rate = statistics.fmean(scores)
    metrics = {
        "win_rate": win_rate,
        "unjudged": len(lost) / len(samples),
        "avg_length": length,
        "length_ratio": length / reference if reference else math.nan,
    }
    warnings: tuple[str, ...] = ()
    if lost:
        what = f"{len(lost)} of {len(samples)} samples are not judged and not in the win rate"
        warnings = (f"{what}: {lost[0].problem}",)
    return WinRates(
        win_rate=win_rate,
        stderr=statistics.stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else None,
        judged=len(scores),
        metrics=metrics,
        warnings=warnings,
        raw={
            "n_wins": sum(score > 0.5 for score in scores),
            "n_wins_base": sum(score < 0.5 for score in scores),
            "n_draws": sum(score == 0.5 for score in scores),
            "n_total": len(scores),
            "win_rate": 100 * win_rate,
            "avg_length": length,
        },
    )
