"""Tables as a small, self-contained HTML page."""

from __future__ import annotations

from evalsuite.report.templating import render
from evalsuite.results.tables.model import Table


def to_html(table: Table, *, stderr: bool = False) -> str:
    """A table as a page that needs nothing from elsewhere, in light and dark.

    Args:
        table: The table.
        stderr: Whether to show standard errors.
    """
    return render("table.html", table=table, stderr=stderr)
