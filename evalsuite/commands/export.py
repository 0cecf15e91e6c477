"""``evalsuite export``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from evalsuite.commands.stored import require_suite, stored_records
from evalsuite.errors import DataError, ExitCode, UsageError
from evalsuite.exporters.base import Chosen, Written, choose
from evalsuite.exporters.table import writer
from evalsuite.registry.load import Registry
from evalsuite.results.selection import of_checkpoints, of_tasks
from evalsuite.store import Store
from evalsuite.suspicions import said

LONGEST_LISTING = 20
"""Lines of one sort that are printed."""


def export_command(
    format_: str,
    dest: Path,
    results: Path,
    registry: Registry,
    *,
    suite: str | None,
    checkpoints: Sequence[str],
    tasks: Sequence[str],
    card: Path | None,
    say: Callable[[str], object],
) -> ExitCode:
    """Write stored scores in a format of others, and say what was left out.

    Args:
        format_: A name of :data:`evalsuite.exporters.table.FORMATS`.
        dest: Folder to write to.
        results: The store.
        registry: The tasks.
        suite: Whose tasks are exported; all stored ones without it.
        checkpoints: Names and patterns; all without any.
        tasks: The same of tasks.
        card: A model card that gets the scores, of ``hub``.
        say: Prints a line.

    Returns:
        1 where scores are missing, 7 where one is suspect, else 0.

    Raises:
        UsageError: If something that was named is not there.
        StoreError: If nothing is stored, or a file cannot be written.
        DataError: If the format has a place for none of the scores.
    """
    write = writer(format_)
    if card is not None:
        if format_ != "hub":
            raise UsageError("--card belongs to the format hub", "leave it out")
        from evalsuite.exporters.hub import with_card

        write = with_card(card)
    if dest.exists() and not dest.is_dir():
        raise UsageError(f"{dest} is a file", "give a folder")
    members: frozenset[str] = frozenset()
    records = of_tasks(of_checkpoints(stored_records(results, registry), checkpoints), tasks)
    expected: Sequence[str] = ()
    if suite is not None:
        chosen_suite = registry.suite(suite)
        require_suite(records, chosen_suite, results)
        members, expected = chosen_suite.members, chosen_suite.tasks
        records = [record for record in records if record.signature.task in members]
    chosen = choose(records, Store(results), registry, expected)
    written = write(chosen, dest) if chosen.runs else Written()
    _say(chosen, written, dest, say)
    if not written.files:
        first = [*written.left_out, *chosen.missing, *chosen.skipped, "no score was chosen"][0]
        raise DataError(f"nothing was exported: {first}", "choose others, or another format")
    return _code(chosen)


def _say(chosen: Chosen, written: Written, dest: Path, say: Callable[[str], object]) -> None:
    for word, lines in (
        ("left out", written.left_out),
        ("missing", chosen.missing),
        ("skipped", chosen.skipped),
        ("suspect", _suspect(chosen)),
        ("note", written.notes),
    ):
        for line in lines[:LONGEST_LISTING]:
            say(f"{word}: {line}")
        if len(lines) > LONGEST_LISTING:
            say(f"{word}: {len(lines) - LONGEST_LISTING} more")
    if written.files:
        say(f"{len(written.files)} files in {dest}")


def _suspect(chosen: Chosen) -> list[str]:
    return [
        f"{run.label}: {record.signature.task}: {said(one)}"
        for run in chosen.runs
        for record in run.records
        for one in record.suspicions
    ]


def _code(chosen: Chosen) -> ExitCode:
    if chosen.missing:
        return ExitCode.TASK_FAILED
    return ExitCode.SUSPECT if _suspect(chosen) else ExitCode.OK
