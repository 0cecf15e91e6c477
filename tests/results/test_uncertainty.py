"""The interval of a stored score, and where tables and frames show it."""

from __future__ import annotations

import csv
import io
import math

import pytest

from evalsuite.report.render import to_csv
from evalsuite.results.frame import to_frame
from evalsuite.results.means import mean, task_score
from evalsuite.results.tables.build import build_table
from evalsuite.results.uncertainty import score_interval
from evalsuite.schema import Record
from evalsuite.stats import correlation_interval, fraction_interval, interval
from helpers.records import record


def changed(score: float = 0.8, metric: str = "accuracy", **fields: object) -> Record:
    return record("t", score, metric=metric, **{"n": 40, "stderr": 0.03, **fields})


def test_the_metric_decides_the_shape() -> None:
    assert score_interval(changed()) == fraction_interval(0.8, 0.03, 40)
    assert score_interval(changed(metric="cosine_spearman")) == correlation_interval(0.8, 0.03, 40)
    assert score_interval(changed(9.0, "perplexity", percent=False)) == interval(9.0, 0.03, 40)


def test_groups_are_what_counts_where_items_belong_together() -> None:
    assert score_interval(changed(groups=7)) == fraction_interval(0.8, 0.03, 7)


def test_nothing_is_claimed_without_an_error() -> None:
    assert score_interval(changed(stderr=None)) is None
    assert score_interval(changed(n=1)) is None
    assert score_interval(changed(n=None)) is None


def test_the_interval_of_a_mean_joins_those_of_its_parts() -> None:
    """Distances to the ends add up as errors do, each side by itself."""
    records = {"x": changed(0.95), "y": changed(0.5), "z": changed(0.9, stderr=None)}
    parts = [task_score(name, records, {}) for name in ("x", "y")]
    joined = mean(parts).interval()
    assert joined is not None
    ends = [fraction_interval(score, 0.03, 40) for score in (0.95, 0.5)]
    below = math.hypot(0.95 - ends[0].low, 0.5 - ends[1].low) / 2
    above = math.hypot(ends[0].high - 0.95, ends[1].high - 0.5) / 2
    assert joined.low == pytest.approx(100 * (0.725 - below))
    assert joined.high == pytest.approx(100 * (0.725 + above))
    assert mean([*parts, task_score("z", records, {})]).interval() is None


def test_frames_have_the_interval_and_the_groups() -> None:
    frame = to_frame([changed(groups=7), changed(stderr=None)])
    found = fraction_interval(0.8, 0.03, 7)
    assert frame.loc[0, ["ci_low", "ci_high", "groups"]].tolist() == [found.low, found.high, 7]
    assert frame.loc[1, ["ci_low", "ci_high", "groups"]].isna().all()


def test_csv_has_the_ends_of_the_interval() -> None:
    table = build_table([changed()])
    (row,) = csv.DictReader(io.StringIO(to_csv(table)))
    found = fraction_interval(0.8, 0.03, 40)
    ends = float(row["Embedding/t low"]), float(row["Embedding/t high"])
    assert ends == (100 * found.low, 100 * found.high)
    (unknown,) = csv.DictReader(io.StringIO(to_csv(build_table([changed(stderr=None)]))))
    assert (unknown["Embedding/t low"], unknown["Embedding/t high"]) == ("", "")
