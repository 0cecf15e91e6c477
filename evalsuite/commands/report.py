"""``evalsuite report``."""

from __future__ import annotations

from collections.abc import Sequence
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
    from evalsuite.data import SampleTable
    from evalsuite.report.files import write_whole
    from evalsuite.report.page.collect import collect
    from evalsuite.report.page.document import page

    store = Store(results)

    def load(record: Record) -> SampleTable | None:
        path = store.samples_path(record)
        return None if path is None else SampleTable.read(path)

    records = stored_records(results, registry)
    if suite is not None:
        require_suite(records, suite, results)
    found = collect(records, suite, categories_of(registry), load, compare=compare, most=samples)
    name = slug(suite.name) if suite else ALL_TASKS
    target = file or Path("reports") / name / "report.html"
    return write_whole(target, page(found).encode())
