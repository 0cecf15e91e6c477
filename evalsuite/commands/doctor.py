"""What ``evalsuite doctor`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path

from evalsuite.checkpoint import resolve
from evalsuite.commands.data import needed
from evalsuite.console import print_document
from evalsuite.doctor import engines, installed, machine, prefix
from evalsuite.doctor.finding import Finding
from evalsuite.doctor.project import project_findings
from evalsuite.documents.checks import doctor_document
from evalsuite.errors import CheckpointError, ExitCode
from evalsuite.kinds.table import kind_of
from evalsuite.project.file import find_project
from evalsuite.registry.load import Registry


def doctor_command(
    registry: Registry,
    suite: str,
    data: Path | None,
    out: Path,
    say: Callable[[str], None] | None,
) -> ExitCode:
    """Check everything; say each line as soon as it is known.

    Args:
        registry: Where the suite is looked up.
        suite: Whose packages are checked.
        data: Mirror to check; ``None`` for none.
        out: The store.
        say: Takes each line; ``None`` to print one JSON document at the end.

    Returns:
        ``ENGINE`` if anything failed, else ``OK``.

    Raises:
        UsageError: If there is no such suite.
    """
    tasks = len(registry.suite(suite).tasks)
    return _told(_findings(registry, suite, tasks, data, out), say)


def prefix_command(checkpoint: str, say: Callable[[str], None] | None) -> ExitCode:
    """Check what prefix caching and batches do to a checkpoint's scores, with each engine.

    Args:
        checkpoint: As after ``--ckpt``.
        say: As of :func:`doctor_command`.

    Returns:
        ``ENGINE`` if anything failed, else ``OK``.

    Raises:
        CheckpointError: If there is no such checkpoint, or it cannot generate.
    """
    found = resolve(checkpoint)
    if reason := found.cannot.get("generative"):
        raise CheckpointError(f"{found.name} cannot generate: {reason}")
    names = ["transformers", *(["vllm"] if installed.vllm_version().state == "ok" else [])]
    return _told(chain.from_iterable(prefix.findings(checkpoint, name) for name in names), say)


def _told(findings: Iterable[Finding], say: Callable[[str], None] | None) -> ExitCode:
    """Say each line as soon as it is known, and then how many failed."""
    if say is None:
        document = doctor_document(findings)
        print_document(document)
        return ExitCode.ENGINE if document.failed else ExitCode.OK
    failed = warned = 0
    for finding in findings:
        say(finding.line)
        failed += finding.state == "fail"
        warned += finding.state == "warn"
    say(f"{failed} failed, {warned} warned")
    return ExitCode.ENGINE if failed else ExitCode.OK


def packages(registry: Registry, suite: str) -> Iterator[Finding]:
    """Check that the code of a suite's tasks can import what it needs; a line a package."""
    needing: dict[str, list[str]] = {}
    tasks = registry.suite_tasks(registry.suite(suite))
    for task in tasks:
        for package in kind_of(task).lacking_packages(task):
            needing.setdefault(package, []).append(task.name)
    for package, names in needing.items():
        some = ", ".join(names[:3]) + (" …" if len(names) > 3 else "")
        yield Finding(
            check="packages",
            state="fail",
            text=f"{package} is not installed: {len(names)} of {len(tasks)} tasks need it: {some}",
            fix=f"pip install {package}",
        )
    if not needing:
        text = f"all that the tasks of {suite} import is installed"
        yield Finding(check="packages", state="ok", text=text)


def _findings(
    registry: Registry, suite: str, tasks: int, data: Path | None, out: Path
) -> Iterator[Finding]:
    yield from project_findings(find_project())
    yield from installed.versions()
    vllm = installed.vllm_version()
    yield vllm
    if vllm.state == "ok":
        yield installed.vllm_plugin()
    yield from machine.disk(out, tasks, data)
    if data is not None:
        yield from machine.data(data, needed(registry, [suite]), suite)
    yield from packages(registry, suite)
    yield machine.sandbox()
    yield engines.device()
    yield engines.embedding()
    yield engines.generation("transformers")
    if vllm.state == "ok":
        yield engines.generation("vllm")
