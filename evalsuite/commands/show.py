"""``evalsuite table`` and ``evalsuite plot``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.commands.stored import categories_of, require_suite, show_table, stored_records
from evalsuite.errors import ExitCode, UsageError, did_you_mean
from evalsuite.registry.chosen import DEFAULT_SUITE
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.scores import Scores, stored_samples
from evalsuite.results.selection import of_checkpoints, of_tasks
from evalsuite.store import Store

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.layouts import Convention, FigureKind, LayoutName
    from evalsuite.results.view import View
    from evalsuite.schema import Record


def table_view(
    suite: str | None,
    layout: LayoutName | None,
    convention: Convention | None,
    *,
    with_published: bool,
    without_in_domain: bool = False,
) -> tuple[str | None, View]:
    """The suite that a table is about, and how the table is to look.

    Raises:
        UsageError: If published rows are asked for and the suite has none, or beside averages that
            leave tasks out.
    """
    from evalsuite.results.published import published_for
    from evalsuite.results.tables.layouts import LAYOUTS
    from evalsuite.results.view import View

    if with_published and without_in_domain:
        raise UsageError(
            "published averages cannot leave tasks out",
            "give --with-published or --without-in-domain",
        )
    if layout is None:
        if with_published:
            raise UsageError("published rows need a layout", "add: --layout table1")
        return suite, View(convention=convention, without_in_domain=without_in_domain)
    if layout not in LAYOUTS:
        raise UsageError(f"no layout is called {layout!r}", did_you_mean(layout, LAYOUTS))
    name = suite or LAYOUTS[layout].suite
    published = published_for(layout, name) if with_published else None
    return name, View(
        layout=layout,
        convention=convention,
        published=published,
        without_in_domain=without_in_domain,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which of the stored scores a table shows, and how."""

    view: View
    checkpoints: tuple[str, ...] = ()
    """Names and patterns; all without any."""
    tasks: tuple[str, ...] = ()
    """The same of tasks."""
    sort: str | None = None
    """Column by which rows are sorted; ``None``: by name."""
    decimals: int = 1
    stderr: bool = False
    ties: bool = False
    """Whether scores say which ranks they may have."""
    notes: bool = True


def table_command(
    results: Path,
    registry: Registry,
    suite: Suite | None,
    form: str,
    console: Console,
    shown: Shown,
) -> ExitCode:
    """``evalsuite table``: stored scores, in one of six forms.

    Raises:
        UsageError: If a checkpoint, a task or a column that was named is not there.
        StoreError: If nothing is stored.
    """
    from evalsuite.results.tables.build import build_table
    from evalsuite.results.tables.sorting import sorted_by
    from evalsuite.results.tables.without_notes import without_notes

    records = stored_records(results, registry, needed=shown.view.published is None)
    records = of_tasks(of_checkpoints(records, shown.checkpoints), shown.tasks)
    if suite is not None and shown.view.published is None:
        require_suite(records, suite, results)
    table = build_table(
        records,
        suite,
        categories=categories_of(registry),
        decimals=shown.decimals,
        view=shown.view,
    )
    if shown.ties:
        from evalsuite.results.ranks import with_ranks

        table = with_ranks(table, stored_samples(Store(results)))
    if shown.sort is not None:
        table = sorted_by(table, shown.sort)
    if not shown.notes:
        table = without_notes(table)
    show_table(table, form, console, stderr=shown.stderr)
    return ExitCode.SUSPECT if table.suspect else ExitCode.OK


def plot_command(
    results: Path,
    registry: Registry,
    suite_name: str | None,
    figure: Path,
    *,
    kind: FigureKind | None = None,
    baseline: str | None = None,
    checkpoints: Sequence[str] = (),
    tasks: Sequence[str] = (),
) -> FigureKind:
    """``evalsuite plot``: draw stored scores into one file.

    Args:
        results: The store.
        registry: For categories.
        suite_name: Its columns and averages. ``None``: those of the suite ``smoke`` where a score
            of it is stored and no tasks are named; else one column a task.
        figure: The file.
        kind: Which figure; ``None``: ``scatter`` where there are averages in both worlds, else
            ``bars``.
        baseline: Of ``forest``: the name of the checkpoint that the others are compared with;
            ``None``: the first row.
        checkpoints: Names and patterns; all without any.
        tasks: The same of tasks.

    Returns:
        The kind that was drawn.

    Raises:
        UsageError: If a name is not there, or the scores do not suffice for the figure.
        StoreError: If nothing is stored, or the file cannot be written.
    """
    from evalsuite.report.plots import draw, usual_kind
    from evalsuite.results.tables.build import build_table

    records = of_tasks(stored_records(results), tasks)
    suite = _suite_to_draw(suite_name, tasks, records, registry, results)
    if kind == "forest":
        wanted = [*checkpoints, baseline] if baseline and checkpoints else checkpoints
        shown = of_checkpoints(records, wanted)
        scores = Scores.of(shown, suite, categories_of(registry), stored_samples(Store(results)))
        _draw_forest(scores, baseline, figure)
        return kind
    if baseline is not None:
        raise UsageError("--baseline is for --kind forest", "leave it out")
    records = of_checkpoints(records, checkpoints)
    table = build_table(records, suite, categories=categories_of(registry))
    kind = kind or usual_kind(table)
    steps = {record.checkpoint.fingerprint: record.checkpoint.step for record in records}
    draw(kind, table, steps, figure)
    return kind


def _suite_to_draw(
    name: str | None,
    tasks: Sequence[str],
    records: Sequence[Record],
    registry: Registry,
    results: Path,
) -> Suite | None:
    if name is not None:
        suite = registry.suite(name)
        require_suite(records, suite, results)
        return suite
    usual = registry.suite(DEFAULT_SUITE)
    stored = {record.signature.task for record in records}
    return None if tasks or usual.members.isdisjoint(stored) else usual


def _draw_forest(scores: Scores, baseline: str | None, figure: Path) -> None:
    from evalsuite.report.forest import forest

    rows = scores.rows
    if len(rows) < 2:
        raise UsageError("a forest plot needs a baseline and a candidate", "evaluate another one")
    first = scores.choose(baseline) if baseline else rows[0]
    one = scores.side(first)
    forest([scores.compare(one, scores.side(row)) for row in rows if row is not first], figure)
