"""Which metric of a record counts: the paper's or the leaderboard's."""

from __future__ import annotations

from evalsuite.layouts import Convention
from evalsuite.schema import Record


def under(record: Record, convention: Convention) -> Record:
    """A record with the score that counts under a convention.

    A record keeps both metrics; its own score is the paper's. Under ``leaderboard`` the score is
    that of the harness's main metric, where the record names one. Its standard error is not
    known if it is another metric.
    """
    metric = record.leaderboard_metric
    other = convention == "leaderboard" and metric != record.main_metric
    if not other or record.score is None or metric is None or metric not in record.metrics:
        return record
    update = {"main_metric": metric, "score": record.metrics[metric], "stderr": None}
    update["estimator"] = None  # known for the record's own metric only
    return record.model_copy(update=update)


def substitution(record: Record, convention: Convention) -> str:
    """What is shown in the place of the convention's metric; empty if it is that metric.

    Args:
        record: As :func:`under` gave it.
        convention: The convention.
    """
    if record.score is None:
        return ""
    if convention == "leaderboard":
        wanted = record.leaderboard_metric or record.main_metric
    else:
        # Only files of others may lack it: a run computes the metric that its task names.
        named = record.task.get("main_metric") if record.origin else None
        wanted = named or record.main_metric
    if wanted == record.main_metric:
        return ""
    return f"{record.main_metric}, since the file has no {wanted}"
