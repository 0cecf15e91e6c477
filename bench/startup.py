"""Measure what a person waits for before anything is computed.

Prints medians of whole processes, start to exit, beside the goals, and writes them as JSON. The
commands take turns, so that what else the machine does meets all of them alike.
Run as ``python bench/startup.py``; exits with 1 if a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from common import REPORTS, machine_line, write_json
from hundred_store import SUITE, make_store

EVALSUITE = Path(sys.executable).with_name("evalsuite")
"""The console script of the running environment."""

FIRST_RUN = ("--ckpt", "demo:minilm", "--suite", "smoke", "--limit", "8")
"""What is evaluated once, so that a second run has nothing to do."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is timed: the arguments of ``evalsuite``, and what must be true of the output."""

    name: str
    goal: float
    arguments: list[str]
    check: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class Figure:
    """Wall-clock seconds of one command, over several runs."""

    name: str
    goal: float
    median: float
    low: float
    high: float
    runs: int

    @property
    def met(self) -> bool:
        """Whether the median keeps to the goal."""
        return self.median <= self.goal


def main() -> int:
    """Measure, print, write; 1 if a goal is missed."""
    options = arguments()
    with tempfile.TemporaryDirectory() as scratch:
        run = second_run(options, Path(scratch))
        hundred = Path(scratch) / "hundred"
        count = make_store(hundred)
        stored = ["--suite", SUITE, "--out", str(hundred)]
        pair = ["--baseline", "model-0", "--candidate", "model-1", "--reports", scratch]
        lax = Path(scratch) / "lax.yaml"
        lax.write_text("tolerance: {default: 50}\n", encoding="utf-8")
        of = f"over 100 checkpoints ({count:,} scores)"
        commands = (
            Command("`evalsuite --help`", 0.25, ["--help"]),
            Command("`evalsuite tasks list`", 0.3, ["tasks", "list"]),
            Command(f"`table` {of}", 2.0, ["table", *stored]),
            Command(f"`compare` two {of}", 2.0, ["compare", "model-0", "model-1", *stored]),
            Command(f"`check` two {of}", 2.0, ["check", *pair, "--policy", str(lax), *stored]),
            Command("second run, nothing to do", 2.0, run, require_nothing_to_do),
        )
        figures = measure(commands, options.runs)
    print(markdown(figures))
    write_json(options.json, {"figures": [{**asdict(f), "met": f.met} for f in figures]})
    return 0 if all(figure.met for figure in figures) else 1


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=7, metavar="N", help="runs of each command")
    parser.add_argument("--quick", action="store_true", help="two runs: not for quoting")
    parser.add_argument(
        "--results",
        type=Path,
        help=f"store in which `evalsuite run {' '.join(FIRST_RUN)}` is done; else it is run first",
    )
    parser.add_argument("--json", type=Path, default=REPORTS / "startup.json")
    options = parser.parse_args()
    if options.quick:
        options.runs = 2
    if options.runs < 1:
        parser.error("--runs needs at least 1")
    return options


def second_run(options: argparse.Namespace, scratch: Path) -> list[str]:
    """The command that has nothing to do; without ``--results``, the first run is made here."""
    results = options.results or scratch / "results"
    command = ["run", *FIRST_RUN, "--out", str(results), "--reports", str(scratch / "reports")]
    if options.results is None:
        timed(command)
    return command


def measure(commands: Sequence[Command], runs: int) -> list[Figure]:
    """Time all commands in turn, ``runs`` times, after one turn that warms the file cache."""
    seconds: list[list[float]] = [[] for _ in commands]
    for turn in range(runs + 1):
        for command, took in zip(commands, seconds, strict=True):
            one, output = timed(command.arguments)
            if command.check:
                command.check(output)
            if turn:
                took.append(one)
    return [
        Figure(command.name, command.goal, statistics.median(took), min(took), max(took), runs)
        for command, took in zip(commands, seconds, strict=True)
    ]


def timed(command: list[str]) -> tuple[float, str]:
    """Seconds from start to exit, and the output.

    Raises:
        SystemExit: If the command fails.
    """
    started = time.perf_counter()
    done = subprocess.run([str(EVALSUITE), *command], capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise SystemExit(f"evalsuite {' '.join(command)}: exit {done.returncode}: {last[0]}")
    return seconds, done.stdout


def require_nothing_to_do(output: str) -> None:
    """Refuse to time a run that evaluates something.

    Raises:
        SystemExit: If it does.
    """
    if "0 to run" not in output:
        raise SystemExit(
            f"--results does not hold all of: evalsuite run {' '.join(FIRST_RUN)}; "
            "what was missing has been evaluated now, run again"
        )


def markdown(figures: list[Figure]) -> str:
    """The figures as a table under a line about the machine."""
    lines = [
        f"{machine_line()}; wall-clock seconds, median of {figures[0].runs} (min–max)",
        "",
        "| command | seconds | goal | |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {figure.name} | {figure.median:.2f} ({figure.low:.2f}–{figure.high:.2f}) "
        f"| {figure.goal:g} | {'met' if figure.met else 'missed'} |"
        for figure in figures
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
