"""HTML from templates, in which every text is made visible and escaped."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from evalsuite.report.page.text import visible
from evalsuite.results.tables.model import Cell, Head, Row, Table

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """Fill a template of ``evalsuite/report/page/templates``.

    Args:
        template: Name of its file.
        values: What it shows. Text is escaped, and characters that work unseen are made
            readable; only ``markupsafe.Markup`` goes in as it is.
    """
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    found = Environment(
        loader=PackageLoader("evalsuite.report.page"),
        autoescape=True,
        finalize=_readable,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.globals["cells_of"] = _cells_of
    return found


def _readable(value: Any) -> Any:
    """A plain text with its hidden characters made readable; anything else as it is."""
    return visible(value) if type(value) is str else value


def _cells_of(table: Table, row: Row) -> list[tuple[Head, bool, Cell]]:
    """The heading of each cell, whether it is the first of its section, and the cell."""
    heads = [
        (head, index == 0)
        for section in table.sections
        for index, head in enumerate(section.columns)
    ]
    return [(head, first, cell) for (head, first), cell in zip(heads, row.cells, strict=True)]
