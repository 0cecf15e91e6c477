"""What ``evalsuite data fetch``, ``list`` and ``verify`` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evalsuite.console import say
from evalsuite.data.needs import Need
from evalsuite.errors import DataError, ExitCode, StoreError, UsageError
from evalsuite.kinds.table import kind_of
from evalsuite.redact import redact
from evalsuite.registry.load import Registry

if TYPE_CHECKING:
    from rich.console import Console

    from evalsuite.data.fetch import Remote


def needed(registry: Registry, names: Sequence[str]) -> tuple[Need, ...]:
    """The data sets of a suite, or of some tasks, in the order of the tasks.

    Tasks on files of their own need none.

    Raises:
        UsageError: If there is no such suite or task.
    """
    if not names:
        raise UsageError("no suite is named", "see: evalsuite tasks list")
    if len(names) == 1 and registry.is_suite(names[0]):
        tasks = registry.suite_tasks(registry.suite(names[0]))
    elif len(names) == 1 and ":" not in names[0] and names[0] not in registry.tasks:
        raise _unknown(registry, names[0])
    else:
        tasks = [registry.task(name) for name in names]
    found: dict[tuple[str, str], list[str]] = {}
    for task in tasks:
        datasets = task.reads or ({} if task.data else kind_of(task).datasets(task))
        for pair in datasets.items():
            found.setdefault(pair, []).append(task.name)
    return tuple(
        Need(name=name, revision=revision, tasks=tuple(readers))
        for (name, revision), readers in found.items()
    )


def _unknown(registry: Registry, name: str) -> UsageError:
    from evalsuite.errors import did_you_mean

    hint = did_you_mean(name, [*registry.suites, *registry.tasks])
    return UsageError(f"no suite or task is called {name!r}", hint)


def fetch_command(
    registry: Registry, names: Sequence[str], folder: Path, console: Console
) -> ExitCode:
    """Fetch what is not there; one data set that cannot be had does not stop the others."""
    from filelock import FileLock, Timeout

    from evalsuite.data.fetch import complete

    wanted = needed(registry, names)
    if not wanted:
        say(console, "nothing to fetch: these tasks bring their data along")
        return ExitCode.OK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".fetch.lock", timeout=0):
            open_ = [need for need in wanted if not complete(folder, need)]
            there = len(wanted) - len(open_)
            say(console, f"{len(wanted)} data sets: {there} there, {len(open_)} to fetch")
            failed = _fetch_all(open_, folder, console)
    except Timeout:
        raise StoreError(f"another fetch into {folder} is running", "wait for its end") from None
    except OSError as error:
        raise StoreError(f"{folder} cannot be written: {error.strerror or error}") from None
    for refusal in failed:
        say(console, f"not fetched: {redact(refusal.line)}", "red")
    say(console, f"{len(wanted) - len(failed)} of {len(wanted)} data sets are in {folder}")
    return ExitCode.DATA if failed else ExitCode.OK


def _fetch_all(open_: Sequence[Need], folder: Path, console: Console) -> list[DataError]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from evalsuite.data.fetch import ask, fetch

    failed: list[DataError] = []
    remotes: list[Remote] = []
    for need in open_:
        try:
            remotes.append(ask(need))
        except DataError as error:
            failed.append(error)
    if not remotes:
        return failed
    total = sum(remote.size for remote in remotes)
    say(console, f"{_bytes(total)} on the hub")
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(
        *columns,
        TransferSpeedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bar:
        line = bar.add_task("", total=total)
        for number, remote in enumerate(remotes, start=1):
            bar.update(line, description=remote.need.name)
            try:
                entry = fetch(folder, remote, lambda size: bar.advance(line, size))
            except DataError as error:
                failed.append(error)
                continue
            say(
                console,
                f"[{number}/{len(remotes)}] {entry.name} {entry.revision[:12]}: "
                f"{len(entry.files)} files, {_bytes(entry.size)}, licence {entry.licence}",
            )
    return failed


def list_command(
    registry: Registry, names: Sequence[str], folder: Path | None, console: Console
) -> ExitCode:
    """List data sets; with a folder, 4 if one is missing there."""
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", "give the folder with the data sets")
    wanted = needed(registry, names)
    missing = 0
    for need in wanted:
        found = need.held(folder) if folder else None
        missing += found is None
        state = "" if folder is None else ("there    " if found else "missing  ")
        say(console, f"{state}{need.name} {need.revision[:12]}  {_some(need.tasks)}")
    if folder is None:
        return ExitCode.OK
    say(console, f"{len(wanted) - missing} of {len(wanted)} data sets are in {folder}")
    return ExitCode.DATA if missing else ExitCode.OK


def verify_command(folder: Path, console: Console) -> ExitCode:
    """Check a mirror; 4 if anything is not as the manifest says."""
    from evalsuite.data.verify import unlisted, verify

    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", "give the folder with the data sets")
    checked = verify(folder)
    others = unlisted(folder)
    if not checked:
        raise DataError(
            f"{folder} has no manifest: {len(others)} data sets in it cannot be verified",
            "evalsuite data fetch makes one",
        )
    for dataset in checked:
        state = "changed" if dataset.problems else "ok"
        say(
            console,
            f"{state:8}{dataset.folder} {dataset.revision[:12]}: {dataset.files} files, "
            f"{_bytes(dataset.size)}, licence {dataset.licence}",
        )
        for problem in dataset.problems:
            say(console, f"        {problem.state}: {problem.file}", "red")
    for name in others:
        say(console, f"unknown {name}: not in the manifest")
    bad = sum(bool(dataset.problems) for dataset in checked)
    say(console, f"{len(checked) - bad} of {len(checked)} data sets are as they were fetched")
    return ExitCode.DATA if bad else ExitCode.OK


def _some(tasks: Sequence[str]) -> str:
    shown = ", ".join(tasks[:3])
    return shown if len(tasks) <= 3 else f"{shown}, +{len(tasks) - 3}"


def _bytes(size: int) -> str:
    amount = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
