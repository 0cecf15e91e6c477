"""``evalsuite report``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evalsuite.commands.stored import categories_of, require_suite, stored_records
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.schema import Record
from evalsuite.store import Store, slug

ALL_TASKS = "all-tasks"
"""Name of the reports folder where no suite is named."""


def report_command(
    results: Path,
    registry: Registry,
    suite: Suite | None,
    *,
    file: Path | None = None,
    samples: int = 20,
    compare: Sequence[str] = (),
) -> Path:
    """``evalsuite report``: everything stored about a suite, as one HTML file.

    Args:
        results: The store.
        registry: For categories.
        suite: Its tasks, columns and averages; without one, all tasks that are stored.
        file: Where to; by default ``reports/SUITE/report.html``.
        samples: Samples of each task in the page.
        compare: The baseline, then its candidates; names as in the table.

    Returns:
        The file.

    Raises:
        UsageError: If a checkpoint to be compared is not there.
        StoreError: If nothing is stored, or the file cannot be written.
    """
    from evalsuite.exporters.base import choose
    from evalsuite.exporters.eee import aggregates
    from evalsuite.report.files import write_whole
    from evalsuite.report.page.collect import collect
    from evalsuite.report.page.document import page
    from evalsuite.results.readable import ReadableSamples, TextReader, readable_samples

    store = Store(results)
    readers: dict[str, TextReader] = {}

    def load(record: Record) -> ReadableSamples | None:
        reader = readers.get(record.signature.task)
        if reader is None:  # tasks come one after the other: texts of one are in memory
            readers.clear()
            reader = readers[record.signature.task] = TextReader()
        return readable_samples(store, record, reader)

    records = stored_records(results, registry)
    if suite is not None:
        require_suite(records, suite, results)
    found = collect(records, suite, categories_of(registry), load, compare=compare, most=samples)
    shown = [record for row in found.rows for record in row.plan.records.values()]
    exchange = tuple(aggregates(choose(shown, store, registry)))
    name = slug(suite.name) if suite else ALL_TASKS
    target = file or Path("reports") / name / "report.html"
    return write_whole(target, page(replace(found, exchange=exchange)).encode())
