"""What a check that may end tasks early takes from its baseline."""

from __future__ import annotations

import math

from evalsuite.results.check.early import rules_of
from evalsuite.results.check.policy import Policy
from evalsuite.results.compare.suite import Side
from evalsuite.schema import Timings
from helpers.records import record


def test_tasks_with_cheap_samples_come_first() -> None:
    """Whatever they took as a whole: side by side, each waits for the others."""
    timings = {
        "many cheap": (1000, Timings(total=90.0, engine=20.0)),
        "few dear": (10, Timings(total=30.0, engine=5.0)),
        "all kept": (10, Timings(total=1.0)),
    }
    records = {
        task: record(task, n=n).model_copy(update={"timings": timed})
        for task, (n, timed) in timings.items()
    }
    side = Side(name="base", records=records, load=lambda _: None)
    stopping = rules_of(
        side, Policy(), stoppable=list(records), tests=3, categories={}, red=None
    ).stopping
    assert sorted(records, key=stopping.cost) == ["many cheap", "few dear", "all kept"]
    assert stopping.cost("few dear") == 0.5
    assert stopping.cost("all kept") == stopping.cost("unknown") == math.inf
    assert stopping.seconds == {"many cheap": 90.0, "few dear": 30.0, "all kept": 1.0}
