"""What all measurements share: the machine, turns, fresh processes, spread, goals, pages."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, TypeVar

import evalsuite

REPORTS = Path("reports/bench")
ROOT = Path(__file__).resolve().parents[1]
EVALSUITE = [sys.executable, "-m", "evalsuite.cli"]
"""The command line as a module: a frozen copy of the package can be put before the installed one
with ``PYTHONPATH``."""
CACHES = (
    "EVALSUITE_CACHE",
    "HF_HOME",
    "MTEB_CACHE",
    "TORCHINDUCTOR_CACHE_DIR",
    "VLLM_CACHE_ROOT",
)
"""Environment variables that name a cache of data or results."""
VARIES = ("load_average_before", "sittings")
"""Facts that need not be the same where repetitions of several sittings are put together."""
LAST = 12
"""Lines of a failed command that are shown."""
Result = TypeVar("Result")


def machine() -> dict[str, str | int | None]:
    """Processor, number of cores and Python version."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": models[0] if models else platform.processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
    }


def machine_line() -> str:
    """The machine in one line."""
    found = machine()
    return f"{found['cpu']}, {found['cores']} cores, Python {found['python']}"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write figures with the machine and the time, as JSON."""
    stamped = {
        **machine(),
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        **content,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(stamped, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def options_of(doc: str | None, *, repeats: int, adds: bool = False) -> argparse.ArgumentParser:
    """A command line with what all comparisons offer, and ``--add`` for those that take hours."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=repeats, metavar="N")
    parser.add_argument("--quick", action="store_true", help="a small try, not for quoting")
    parser.add_argument("--reports", type=Path, default=REPORTS, help="folder to write to")
    if adds:
        parser.add_argument(
            "--add",
            type=Path,
            action="append",
            default=[],
            metavar="REPORT",
            help="its repetitions count too: an earlier JSON report of the same measurement",
        )
    return parser


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and range of the repetitions."""

    median: float
    low: float
    high: float
    n: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Of at least one value."""
        found = sorted(values)
        return cls(statistics.median(found), found[0], found[-1], len(found))

    def text(self, digits: int = 1, scale: float = 1.0) -> str:
        """``median (low to high)``, without the range where there is one repetition."""
        middle = f"{scale * self.median:.{digits}f}"
        if self.n == 1:
            return middle
        return f"{middle} ({scale * self.low:.{digits}f} to {scale * self.high:.{digits}f})"


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure of the summary beside what it must reach."""

    part: int
    what: str
    goal: float
    reached: Spread
    unit: str
    better: Literal["higher", "lower"]

    @property
    def met(self) -> bool:
        """Whether the median keeps to the goal."""
        if self.better == "higher":
            return self.reached.median >= self.goal
        return self.reached.median <= self.goal

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        return {**asdict(self), "met": self.met}


@dataclass(frozen=True, slots=True)
class Done:
    """A command that has ended well."""

    seconds: float
    """Wall clock, from its start to its end."""
    processor: float
    """Seconds of all its threads and children together: what other work on the machine hardly
    changes."""
    output: str
    peak: float
    """The most memory that the process, or one that it has started and waited for, has held at a
    time, in GiB."""


def in_turn(
    repeats: int,
    sides: Mapping[str, Callable[[Path], Result]],
    scratch: Path,
    *,
    before: Sequence[dict[str, Result]] = (),
    told: Callable[[str], None] = lambda line: print(line, file=sys.stderr, flush=True),
) -> Iterator[list[dict[str, Result]]]:
    """Run all sides once a repetition, in the order given and then in the inverse, by turns.

    Args:
        repeats: Number of repetitions.
        sides: Name → what is measured; gets an empty folder of its own, deleted afterwards.
        scratch: Folder for these folders.
        before: Repetitions of earlier sittings.
        told: Gets a line as each side begins.

    Yields:
        After each repetition, or once where none is to be run: all so far, one dictionary each, by
        side. A measurement of hours that writes its report every time has something to show when
        it is stopped.
    """
    found = list(before)
    if not repeats:
        yield found
    last = len(found) + repeats
    for repeat in range(len(found), last):
        order = list(sides) if repeat % 2 == 0 else list(sides)[::-1]
        measured = {}
        for name in order:
            told(f"{time.strftime('%H:%M:%S')} repetition {repeat + 1} of {last}: {name}")
            folder = scratch / f"{repeat}-{order.index(name)}"
            folder.mkdir(parents=True)
            measured[name] = sides[name](folder)
            shutil.rmtree(folder)
        found.append({name: measured[name] for name in sides})
        yield found


def environment(folder: Path, **more: str) -> dict[str, str]:
    """A person's environment, without network and with every cache empty, below ``folder``."""
    fresh = {name: str(folder / "caches" / name.lower()) for name in CACHES}
    offline = dict.fromkeys(("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE"), "1")
    return {**os.environ, **fresh, **offline, **more}


def timed(
    command: Sequence[str], env: Mapping[str, str], cwd: Path | None = None, *, ok: int = 0
) -> Done:
    """Wall-clock seconds of a process from its start to its end.

    Raises:
        SystemExit: If it ends with another exit status than ``ok``.
    """
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, env=env, cwd=cwd, stdout=output, stderr=subprocess.STDOUT
        )
        _, ended, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(ended)
        output.seek(0)
        text = output.read()
    if process.returncode != ok:
        last = "\n".join(text.strip().splitlines()[-LAST:])
        raise SystemExit(f"{Path(command[0]).name} ended with {process.returncode}:\n{last}")
    return Done(seconds, used.ru_utime + used.ru_stime, text, used.ru_maxrss / 2**20)


def records(store: Path) -> dict[str, dict[str, Any]]:
    """The scores in a store, by the name of their task.

    Raises:
        SystemExit: If a task was not scored.
    """
    for outcome in store.glob("*/*.outcome.json"):
        raise SystemExit(f"not scored: {json.loads(outcome.read_text())['reason']}")
    found = [json.loads(path.read_text()) for path in sorted(store.glob("*/*.r*.json"))]
    return {record["signature"]["task"]: record for record in found}


def versions(*names: str) -> dict[str, str]:
    """Versions of the installed ones among some distributions."""
    found = {}
    for name in names:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def facts(**more: Any) -> dict[str, Any]:
    """What is written beside the figures; call it before anything is measured."""
    load = round(os.getloadavg()[0], 2)
    return {"load_average_before": load, "sittings": 1, "code": code(), **more}


def code() -> str:
    """The first digits of the SHA-256 of evalsuite's source files, their names among it."""
    (package,) = evalsuite.__path__
    digest = sha256()
    for path in sorted(Path(package).rglob("*.py")):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]


def earlier(about: dict[str, Any], options: argparse.Namespace) -> list[dict[str, Any]]:
    """The reports that are added to; ``about`` is told of their sittings and load.

    The sides of a repetition are measured in turn, so that ratios of several sittings can stand
    beside each other; seconds depend on the machine of the day.

    Raises:
        SystemExit: If one is of another machine, evalsuite, setting or version.
    """
    mine = json.loads(json.dumps({**machine(), **about}))
    found = []
    if options.add and not options.repeats:
        about |= {"sittings": 0, "load_average_before": 0.0}
    for path in options.add:
        report = json.loads(path.read_text(encoding="utf-8"))
        others = [key for key in mine if key not in VARIES and report.get(key) != mine[key]]
        if others:
            raise SystemExit(f"{path}: another measurement, it differs in {', '.join(others)}")
        about["sittings"] += report["sittings"]
        loads = (about["load_average_before"], report["load_average_before"])
        about["load_average_before"] = max(loads)
        found.append(report)
    return found


def repetitions(
    reports: Sequence[dict[str, Any]], side: Callable[..., Result]
) -> list[dict[str, Result]]:
    """Those of earlier reports, each of its sides read by ``side``."""
    return [
        {name: side(**plain) for name, plain in one.items()}
        for report in reports
        for one in report["repetitions"]
    ]


def heading(title: str, about: Mapping[str, Any]) -> list[str]:
    """First lines of a page: title, machine, versions, what else the machine was doing."""
    stated = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    tried = " **A quick try on little data: no figure to quote.**" if about.get("quick") else ""
    repeats, sittings = about["repeats"], about["sittings"]
    medians = f"Medians of {repeats} repetitions (lowest to highest)" if repeats > 1 else "Once"
    medians += f" in {sittings} sittings" if sittings > 1 else ""
    measured = (
        f"{machine_line()}; {stated}. Load of the machine before: {about['load_average_before']}."
        f" {medians}, sides in turn."
    )
    return [
        f"# {title}",
        "",
        f"{measured}{tried}",
        "",
    ]


def goal_lines(goals: Sequence[Goal]) -> list[str]:
    """The goals as a table."""
    lines = ["| | reached | goal | |", "|---|---:|---:|---|"]
    return lines + [f"| {' | '.join(goal_cells(goal))} |" for goal in goals]


def goal_cells(goal: Goal) -> list[str]:
    """What, reached, asked for, met."""
    sign = "≥" if goal.better == "higher" else "≤"
    scale, digits = (100, 1) if goal.unit == "%" else (1, 2)
    reached = goal.reached.text(digits, scale)
    asked = f"{sign} {scale * goal.goal:g}"
    return [goal.what, f"{reached} {goal.unit}", f"{asked} {goal.unit}", verdict(goal.met)]


def verdict(met: bool) -> str:
    """As all tables say it."""
    return "met" if met else "**missed**"


def publish(
    name: str, about: Mapping[str, Any], goals: Sequence[Goal], lines: Sequence[str], folder: Path
) -> None:
    """Print the page, and write it and the figures."""
    text = "\n".join(lines)
    print(text)
    content = {**about, "goals": [goal.plain() for goal in goals]}
    write_json(folder / f"{name}.json", content)
    (folder / f"{name}.md").write_text(text + "\n", encoding="utf-8")
