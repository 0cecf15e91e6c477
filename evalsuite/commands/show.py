"""``evalsuite table`` and ``evalsuite plot``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.commands.stored import categories_of, show_table, stored_records
from evalsuite.errors import ExitCode, UsageError
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite

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


def table_command(
    results: Path,
    registry: Registry,
    suite: Suite | None,
    form: str,
    console: Console,
    *,
    stderr: bool,
    decimals: int,
    view: View,
) -> ExitCode:
    """``evalsuite table``: all stored scores, in one of five forms."""
    from evalsuite.results.tables.build import build_table

    records = stored_records(results, registry, needed=view.published is None)
    table = build_table(
        records, suite, categories=categories_of(registry), decimals=decimals, view=view
    )
    show_table(table, form, console, stderr=stderr)
    return ExitCode.SUSPECT if table.suspect else ExitCode.OK


def plot_command(results: Path, registry: Registry, suite: Suite, figure: Path) -> None:
    """``evalsuite plot``: draw the stored scores of a suite into one file."""
    from evalsuite.report.figures import scatter
    from evalsuite.results.tables.build import build_table

    table = build_table(stored_records(results), suite, categories=categories_of(registry))
    scatter(table, figure)
