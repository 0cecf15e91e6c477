"""What commands over stored scores share."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.console import print_document, say
from evalsuite.errors import StoreError
from evalsuite.registry.load import Registry
from evalsuite.registry.suites import Suite
from evalsuite.results.stale import with_stale
from evalsuite.schema import Record
from evalsuite.store import Store
from evalsuite.suspicions import said

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.results.tables.model import Table


def stored_records(
    results: Path, registry: Registry | None = None, *, needed: bool = True
) -> list[Record]:
    """All records of a store.

    Args:
        results: The store.
        registry: The tasks as they are now; marks what is stale.
        needed: Whether an empty store is an error.

    Raises:
        StoreError: If the store is empty and records are needed, or a file in it is not a record.
    """
    store = Store(results)
    records = store.records()
    if store.problems:
        more = f" (and {len(store.problems) - 1} more)" if len(store.problems) > 1 else ""
        raise StoreError(f"{store.problems[0]}{more}", "move it away, or upgrade evalsuite")
    if not records and needed:
        hint = "run: evalsuite run --ckpt demo:minilm"
        raise StoreError(f"no scores are stored in {results}", hint)
    return with_stale(records, registry.tasks) if registry else records


def require_suite(records: Iterable[Record], suite: Suite, results: Path) -> None:
    """Refuse a suite none of whose tasks is stored.

    Raises:
        StoreError: If that is so.
    """
    if not any(record.signature.task in suite.members for record in records):
        hint = f"run: evalsuite run --ckpt CHECKPOINT --suite {suite.name}"
        raise StoreError(f"no scores of the suite {suite.name} are stored in {results}", hint)


def categories_of(registry: Registry) -> dict[str, str | None]:
    """Task → category, of all tasks known by name."""
    return {name: task.category for name, task in registry.tasks.items()}


def show_suspect(records: Iterable[Record], console: Console) -> None:
    """Name the scores that must not be trusted without a look."""
    for record in records:
        for suspicion in record.suspicions:
            name = f"{record.checkpoint.name} {record.signature.task}"
            say(console, f"suspect: {name}: {said(suspicion)}", "yellow")


def show_table(table: Table, form: str, console: Console, *, stderr: bool = False) -> None:
    """Print a table in one of six forms."""
    from evalsuite.report import render

    if form == "json":
        from evalsuite.documents.tables import table_document

        print_document(table_document(table))
    elif form == "terminal":
        console.print(render.to_terminal(table, stderr=stderr))
    elif form == "csv":
        console.file.write(render.to_csv(table))
    else:
        renderers = {
            "markdown": render.to_markdown,
            "latex": render.to_latex,
            "html": render.to_html,
        }
        console.file.write(renderers[form](table, stderr=stderr))
