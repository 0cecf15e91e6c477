"""``evalsuite compare``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.commands.stored import categories_of, show_table, stored_records
from evalsuite.console import print_document
from evalsuite.errors import ExitCode, UsageError
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.scores import Scores, stored_samples
from evalsuite.store import Store
from evalsuite.text import plain

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.results.compare.suite import SuiteComparison
    from evalsuite.results.rows import RowPlan


def compare_command(
    results: Path,
    registry: Registry,
    suite: Suite | None,
    names: Sequence[str],
    console: Console,
    *,
    margin: float | None,
    figure: Path | None,
    form: str,
    decimals: int,
) -> ExitCode:
    """``evalsuite compare``: candidates against a baseline, in one of six forms.

    Args:
        results: The store.
        registry: For categories.
        suite: Its tasks, columns and averages; without one, all tasks that are stored.
        names: The baseline, then at least one candidate.
        console: Where to print.
        margin: Of equivalence, in points.
        figure: Forest plot to write.
        form: Form of the table.
        decimals: Of scores.

    Raises:
        UsageError: For fewer than two checkpoints, or one that is not there.
        StoreError: If nothing is stored.
    """
    from evalsuite.report.comparison_csv import comparison_csv
    from evalsuite.results.in_domain.matching import in_domain_notes
    from evalsuite.results.tables.comparison import comparison_table
    from evalsuite.results.tables.model import Note
    from evalsuite.results.tables.notes import suspect_notes

    chosen, comparisons = compare(results, registry, suite, names, margin=margin)
    title = f"{suite.name}, compared" if suite else "All tasks, compared"
    table = comparison_table(comparisons, title, decimals=decimals)
    suspect = suspect_notes(chosen)
    in_domain = in_domain_notes({row.name: row.records.values() for row in chosen})
    if form == "json":
        from evalsuite.documents.tables import compare_document

        print_document(
            compare_document(comparisons, title, [note.text for note in suspect], in_domain)
        )
    elif form == "csv":
        console.file.write(comparison_csv(comparisons))
    else:
        notes = (*suspect, *(Note(text=plain(text)) for text in in_domain), *table.notes)
        show_table(replace(table, notes=notes), form, console)
    if figure is not None:
        from evalsuite.report.forest import forest

        forest(comparisons, figure)
    return ExitCode.SUSPECT if suspect else ExitCode.OK


def compare(
    results: Path,
    registry: Registry,
    suite: Suite | None,
    names: Sequence[str],
    *,
    margin: float | None,
) -> tuple[list[RowPlan], list[SuiteComparison]]:
    """Compare candidates with a baseline; arguments as :func:`compare_command`.

    Returns:
        The rows that were named, and a comparison for each candidate.

    Raises:
        UsageError: For fewer than two checkpoints, or one that is not there.
        StoreError: If nothing is stored.
    """
    if len(names) < 2:
        raise UsageError("compare needs a baseline and a candidate", "evalsuite compare A B")
    records = stored_records(results, registry)
    scores = Scores.of(records, suite, categories_of(registry), stored_samples(Store(results)))
    chosen = [scores.choose(name) for name in names]
    baseline, *candidates = map(scores.side, chosen)
    points = None if margin is None else margin / 100
    return chosen, [scores.compare(baseline, one, margin=points) for one in candidates]
