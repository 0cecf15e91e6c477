"""What ``evalsuite doctor`` does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from evalsuite.commands.data import needed
from evalsuite.doctor import engines, installed, machine
from evalsuite.doctor.finding import Finding
from evalsuite.errors import ExitCode
from evalsuite.registry.load import Registry


def doctor_command(
    registry: Registry, suite: str, data: Path | None, out: Path, say: Callable[[str], None]
) -> ExitCode:
    """Check everything; say each line as soon as it is known.

    Returns:
        ``ENGINE`` if anything failed, else ``OK``.

    Raises:
        UsageError: If there is no such suite.
    """
    tasks = len(registry.suite(suite).tasks)
    failed = warned = 0
    for finding in _findings(registry, suite, tasks, data, out):
        say(finding.line)
        failed += finding.state == "fail"
        warned += finding.state == "warn"
    say(f"{failed} failed, {warned} warned")
    return ExitCode.ENGINE if failed else ExitCode.OK


def _findings(
    registry: Registry, suite: str, tasks: int, data: Path | None, out: Path
) -> Iterator[Finding]:
    yield from installed.versions()
    vllm = installed.vllm_version()
    yield vllm
    if vllm.state == "ok":
        yield installed.vllm_plugin()
    yield from machine.disk(out, tasks, data)
    if data is not None:
        yield from machine.data(data, needed(registry, [suite]), suite)
    yield machine.sandbox()
    yield engines.device()
    yield engines.embedding()
    yield engines.generation("transformers")
    if vllm.state == "ok":
        yield engines.generation("vllm")
