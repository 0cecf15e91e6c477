"""What a metric is: which values are better, in which unit they are, and within which range.

Direction and unit are facts of the metric's definition. They come from the harness where it states
them, else from the metric's name; never from a value, since 0.93 may be bits, a fraction or a bad
perplexity.
"""

from __future__ import annotations

import re
from typing import Final

from evalsuite.schema import Direction, Frozen, Record, Unit

CORRELATIONS: Final = ("spearman", "pearson", "kendall")
"""Ends of the names of metrics between -1 and 1."""


class Metric(Frozen):
    """One metric of a harness."""

    name: str
    direction: Direction | None = None
    """Which values are better; ``None`` where it is not known: then nothing is called better."""
    unit: Unit = "other"

    @property
    def range(self) -> tuple[float, float] | None:
        """The least and the largest value, in the metric's own unit; ``None`` if not bounded."""
        if self.name.endswith(CORRELATIONS):
            return (-1.0, 1.0)
        return {"fraction": (0.0, 1.0), "percent": (0.0, 100.0), "other": None}[self.unit]

    @property
    def factor(self) -> float:
        """What tables multiply scores with."""
        return 100.0 if self.unit == "fraction" else 1.0

    @property
    def sign(self) -> int | None:
        """1 where higher is better, -1 where lower is, ``None`` where it is not known."""
        return None if self.direction is None else (1 if self.direction == "higher" else -1)

    def gain(self, delta: float) -> float | None:
        """How much better a difference of scores is; negative if worse, ``None`` if not known."""
        return None if self.sign is None else self.sign * delta


_LOWER: Final = re.compile(
    r"perplexity|bits_per_byte|brier|^ter$|^wer$|^cer$|^(mae|mse|rmse)$|_seconds$|bias|toxicity|pct_invalid"
    r"|likelihood_diff|^unparsed$|^timeouts$|pct_stereotype|difference_male_female|average_len"
)
_HIGHER: Final = re.compile(
    r"acc|exact_match|^em$|f1|pass@|pass_at_|precision|recall|^mcc|^bleu|^rouge|^chrf|^map|mrr"
    r"|ndcg|spearman|pearson|v_measure|_ap$|^ap$|win_rate|hit_rate|^match$|r@\d|probability"
    r"|map_at|_map$|^[an]mi$|auc$|robustness"
    r"|^r2$|^max_ap$|similarity|bert|math_verify|extraction_rate|reward|^hit|^nauc|lrap|kendall"
)
_FRACTION: Final = re.compile(
    r"acc|exact_match|^em$|f1|pass@|pass_at_|precision|recall|^mcc|^map|mrr|ndcg|spearman|pearson"
    r"|v_measure|_ap$|^ap$|win_rate|hit_rate|^match$|r@\d|brier|^unparsed$|^timeouts$|probability"
    r"|math_verify|extraction_rate|pct_|percent_parseable|lrap|^nauc|kendall"
    r"|map_at|_map$|^[an]mi$|auc$|robustness"
)
_PERCENT: Final = re.compile(r"^(bleu|chrf|ter)(\+\+)?$|^(bleu|rouge\w*?)_(max|diff)$")


def metric_named(name: str, direction: Direction | None = None) -> Metric:
    """The metric of a name, as harnesses use it.

    Args:
        name: As in a record, for example ``acc`` or ``exact_match,strict-match``.
        direction: As the harness states it; ``None``: by the name.

    Returns:
        With the direction ``None`` and the unit ``other`` where nothing is known.
    """
    plain = name.partition(",")[0].rpartition("/")[2].lower()
    unit: Unit = "other"
    if _PERCENT.search(plain):
        unit = "percent"
    elif _FRACTION.search(plain):
        unit = "fraction"
    if direction is None:
        if _LOWER.search(plain):
            direction = "lower"
        elif _HIGHER.search(plain):
            direction = "higher"
    return Metric(name=name, direction=direction, unit=unit)


def metric_of(record: Record) -> Metric:
    """The metric of a record's score, by what the record states and else by its name."""
    known = metric_named(record.main_metric or "", record.direction)
    if record.unit is not None:
        return known.model_copy(update={"unit": record.unit})
    # Records from before the unit was kept say only whether they are shown times 100.
    unit: Unit = (
        "fraction" if record.percent else ("percent" if known.unit == "percent" else "other")
    )
    return known.model_copy(update={"unit": unit})
