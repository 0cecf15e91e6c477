"""What keeping the texts of samples costs in time, on tasks of mteb.

A count of words takes the place of a checkpoint, so that what is timed is about the least that an
evaluation takes: data read, vectors made, score computed, record and samples stored. Each task is
evaluated with texts and without (the function that gathers them returns none, so that none are
written either), in turn, in one process and thread. Run as

    python bench/sample_texts_time.py DATA [--repeats 5] [--quick]

with a mirror of the hub's data sets. Writes ``reports/bench/sample_texts_time.{json,md}``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from threadpoolctl import threadpool_limits

from common import Spread, facts, heading, in_turn, options_of, publish, versions
from evalsuite.kinds.mteb import samples
from evalsuite.store import Store
from mteb_tasks import Words
from sample_bytes import HUB, evaluate

WITH, WITHOUT = "with texts", "without"
Times = dict[str, float]
"""Task → processor seconds of all threads."""


def main() -> int:
    """Measure, print, write."""
    parser = options_of(__doc__, repeats=5)
    parser.add_argument("data", type=Path, help="a mirror of the hub's data sets")
    options = parser.parse_args()
    data = options.data.resolve()
    tasks = HUB[:1] if options.quick else HUB
    about = facts(
        tasks=tasks,
        quick=options.quick,
        repeats=1 if options.quick else options.repeats,
        versions=versions("mteb", "datasets", "pyarrow"),
    )

    def without(folder: Path) -> Times:
        with patch.object(samples, "texts_of", lambda *_: None):
            return run(folder, tasks, data)

    # Threads that wait for each other in a loop count as busy.
    with threadpool_limits(1), tempfile.TemporaryDirectory() as scratch:
        run(Path(scratch) / "imports", tasks, data)
        sides = {WITHOUT: without, WITH: lambda folder: run(folder, tasks, data)}
        for found in in_turn(about["repeats"], sides, Path(scratch)):
            publish(
                "sample_texts_time",
                {**about, "repetitions": found},
                [],
                page({**about, "repeats": len(found)}, found),
                options.reports,
            )
    return 0


def run(folder: Path, tasks: Sequence[str], data: Path) -> Times:
    """Evaluate all tasks into an empty store."""
    taken = {}
    for task in tasks:
        started = time.process_time()
        evaluate(Words(), task, folder / "store", folder / "work", data)
        taken[task] = time.process_time() - started
    if not all(one.status == "scored" for one in Store(folder / "store").records()):
        raise SystemExit("not all is scored")
    return taken


def page(about: Mapping[str, Any], found: Sequence[dict[str, Times]]) -> list[str]:
    """A row a task."""
    lines = [
        *heading("Time of samples with texts", about),
        (
            "Processor seconds of an evaluation in which a count of words takes the place of a "
            "model, in one thread, with texts and without; *more* is the median of the differences "
            "in one turn."
        ),
        "",
        "| task | without | with texts | more |",
        "|---|---:|---:|---:|",
    ]
    for task in found[0][WITH]:
        sides = [Spread.of(one[side][task] for one in found).text(2) for side in (WITHOUT, WITH)]
        more = Spread.of(one[WITH][task] - one[WITHOUT][task] for one in found).text(2)
        lines.append(f"| mteb:{task} | {sides[0]} s | {sides[1]} s | {more} s |")
    return [*lines, "", "`python bench/sample_texts_time.py DATA`"]


if __name__ == "__main__":
    sys.exit(main())
