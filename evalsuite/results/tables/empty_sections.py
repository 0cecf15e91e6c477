"""Sections of a table that no checkpoint has a score in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from evalsuite.results.columns import Layout, SectionPlan
from evalsuite.results.rows import RowPlan
from evalsuite.results.tables.model import Note
from evalsuite.schema import Record
from evalsuite.text import listed, plain

LONGEST_REASON = 160


def without_empty_sections(layout: Layout, rows: Sequence[RowPlan]) -> tuple[Layout, list[Note]]:
    """A layout without the sections in which nothing was scored and nothing failed.

    Args:
        layout: All columns.
        rows: What is shown.

    Returns:
        The layout, as it was where all of its sections are empty; and a note for each section left
        out, with the reasons why its tasks were skipped.
    """
    found = {section.title: _records(section, layout, rows) for section in layout.sections}
    kept = tuple(
        section
        for section in layout.sections
        if any(record.status != "skipped" for record in found[section.title])
    )
    if not kept:
        return layout, []
    notes = [
        Note(text=_why(section.title, found[section.title]))
        for section in layout.sections
        if section not in kept
    ]
    return replace(layout, sections=kept), notes


def _records(section: SectionPlan, layout: Layout, rows: Sequence[RowPlan]) -> list[Record]:
    tasks = {*section.tasks, *layout.leaves(section.tasks)}
    return [record for row in rows for task, record in row.records.items() if task in tasks]


def _why(title: str, skipped: Sequence[Record]) -> str:
    reasons = dict.fromkeys(plain(record.reason or "", LONGEST_REASON) for record in skipped)
    if not skipped:
        return f"{title}: not shown, since nothing of it was evaluated"
    return f"{title}: not shown, since all of it was skipped ({listed(list(reasons))})"
