"""``evalsuite table`` and ``evalsuite plot``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.commands.stored import categories_of, show_table, stored_records
from evalsuite.errors import ExitCode, UsageError
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.selection import of_checkpoints, of_tasks

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.layouts import Convention, LayoutName
    from evalsuite.results.view import View


def table_view(
    suite: str | None,
    layout: LayoutName | None,
    convention: Convention | None,
    *,
    with_published: bool,
) -> tuple[str | None, View]:
    """The suite that a table is about, and how the table is to look.

    Raises:
        UsageError: If published rows are asked for and the suite has none.
    """
    from evalsuite.results.published import published_for
    from evalsuite.results.tables.layouts import LAYOUTS
    from evalsuite.results.view import View

    if layout is None:
        if with_published:
            raise UsageError("published rows need a layout", "add: --layout table1")
        return suite, View(convention=convention)
    name = suite or LAYOUTS[layout].suite
    published = published_for(layout, name) if with_published else None
    return name, View(layout=layout, convention=convention, published=published)


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


def table_command(
    results: Path,
    registry: Registry,
    suite: Suite | None,
    form: str,
    console: Console,
    shown: Shown,
) -> ExitCode:
    """``evalsuite table``: stored scores, in one of five forms.

    Raises:
        UsageError: If a checkpoint, a task or a column that was named is not there.
        StoreError: If nothing is stored.
    """
    from evalsuite.results.tables.build import build_table
    from evalsuite.results.tables.sorting import sorted_by

    records = stored_records(results, registry, needed=shown.view.published is None)
    records = of_tasks(of_checkpoints(records, shown.checkpoints), shown.tasks)
    table = build_table(
        records,
        suite,
        categories=categories_of(registry),
        decimals=shown.decimals,
        view=shown.view,
    )
    if shown.sort is not None:
        table = sorted_by(table, shown.sort)
    show_table(table, form, console, stderr=shown.stderr)
    return ExitCode.SUSPECT if table.suspect else ExitCode.OK


def plot_command(results: Path, registry: Registry, suite: Suite, figure: Path) -> None:
    """``evalsuite plot``: draw the stored scores of a suite into one file."""
    from evalsuite.report.figures import scatter
    from evalsuite.results.tables.build import build_table

    table = build_table(stored_records(results), suite, categories=categories_of(registry))
    scatter(table, figure)
