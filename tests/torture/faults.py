"""Faults around a run, each through the real command line.

After each the same command runs again, and its records and table must be those of a run that
nothing disturbed. ``python tests/torture/faults.py`` writes ``reports/torture/faults.{json,md}``.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from fault_places import ImpossibleError, Place
from fault_scenarios import CASES
from kills import Reference, Scenario, reference
from real_runs import adopt_orphans, impersonal

REPORTS = Path(__file__).parents[2] / "reports" / "torture"
ELSEWHERE = {
    "a hub that answers 429": (
        "tests/data/test_fetch.py: a_busy_hub_is_asked_again_after_the_time_it_names, "
        "a_hub_that_stays_busy_is_given_up_and_named"
    ),
    "a hub that drops the connection or is killed away": (
        "tests/data/test_fetch.py: a_dropped_connection_goes_on_where_it_was, "
        "a_killed_fetch_leaves_nothing_half_and_is_completed"
    ),
    "no network at all": "tests/e2e/test_offline.py",
    "a judge that answers 429 or errors": "tests/kinds/alpaca_eval/test_harness.py",
}
"""Faults with tests of their own."""


@dataclass(frozen=True)
class Finding:
    """One fault, and what was seen."""

    name: str
    expected: str
    seen: str
    seconds: float
    wrong: tuple[str, ...]


def run_case(name: str, expected: Reference, folder: Path) -> Finding:
    """Make one fault happen."""
    fault, scenario = CASES[name]
    started = time.monotonic()
    place = Place(folder / "place", expected, scenario)
    try:
        seen = fault(place)
    except ImpossibleError as why:
        seen = f"not tried: {why}"
    except TimeoutError as error:
        seen, place.wrong = "", [*place.wrong, str(error)]
    seconds = round(time.monotonic() - started, 1)
    what = (fault.__doc__ or "").strip()
    wrong = tuple(impersonal(line, place.folder) for line in place.wrong)
    return Finding(name, what, impersonal(seen, place.folder), seconds, wrong)


def run_all(
    names: Sequence[str], folder: Path, expected: Mapping[Scenario, Reference] | None = None
) -> list[Finding]:
    """Make faults happen, one after the other; says each as it ends.

    Args:
        names: Of the faults.
        folder: For the stores.
        expected: What undisturbed runs left, if they have been made already.
    """
    adopt_orphans()
    # A shell starts what it puts into the background deaf to Ctrl-C, and its children likewise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if expected is None:
        needed = dict.fromkeys(CASES[name][1] for name in names)
        expected = {scenario: reference(scenario, folder) for scenario in needed}
    findings = []
    for number, name in enumerate(names):
        finding = run_case(name, expected[CASES[name][1]], folder / f"case-{number}")
        findings.append(finding)
        state = "; ".join(finding.wrong) or finding.seen
        sys.stdout.write(f"{name}: {'WRONG: ' if finding.wrong else ''}{state}\n")
        sys.stdout.flush()
    return findings


def write(findings: list[Finding], folder: Path) -> str:
    """Write the report; return its figures as one line."""
    tried = [finding for finding in findings if not finding.seen.startswith("not tried")]
    good = [finding for finding in tried if not finding.wrong]
    line = (
        f"{len(good)} of {len(tried)} faults survived: nothing lost, duplicated or half written, "
        f"the next run completes as undisturbed; {len(findings) - len(tried)} not tried here"
    )
    folder.mkdir(parents=True, exist_ok=True)
    rows = [asdict(finding) for finding in findings]
    report = {"figures": line, "faults": rows, "tested elsewhere": ELSEWHERE}
    (folder / "faults.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    body = "\n".join(
        f"| {f.name} | {f.expected} | {f.seen.replace('|', '¦')} | {f.seconds:.0f} | "
        f"{'yes' if f.wrong else 'no'} |"
        for f in findings
    )
    elsewhere = "\n".join(f"- {what}: {where}" for what, where in ELSEWHERE.items())
    (folder / "faults.md").write_text(
        f"# Faults\n\n{line}.\n\n| fault | must hold | seen | seconds | wrong |\n"
        f"|---|---|---|---|---|\n{body}\n\nWith tests of their own:\n\n{elsewhere}\n",
        encoding="utf-8",
    )
    return line


def main() -> int:
    """Run everything and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=REPORTS)
    parser.add_argument("--store", type=Path, help="folder for the stores")
    parser.add_argument("--only", nargs="+", default=[""], help="those whose names contain this")
    given = parser.parse_args()
    names = [name for name in CASES if any(part in name for part in given.only)]
    with tempfile.TemporaryDirectory(prefix="evalsuite-faults-", dir=given.store) as folder:
        findings = run_all(names, Path(folder))
    sys.stdout.write(write(findings, given.out) + "\n")
    return int(any(finding.wrong for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
