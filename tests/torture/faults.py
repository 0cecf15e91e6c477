"""Faults around a run, each through the real command line.

After each the same command runs again, and its records and table must be those of a run that
nothing disturbed. ``python tests/torture/faults.py`` writes ``reports/torture/faults.{json,md}``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from kills import EMBEDDING, VLLM, Reference, Scenario, reference
from real_runs import Run, adopt_orphans, contents, role, table

REPORTS = Path(__file__).parents[2] / "reports" / "torture"
PATIENCE = {"EVALSUITE_PATIENCE": "8"}
"""So that a stalled engine is noticed in seconds; ten minutes otherwise."""
INTERRUPT_SECONDS = 10.0
"""Ctrl-C ends a run within this."""
CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
static int (*real)(clockid_t, struct timespec *);
static time_t start;
__attribute__((constructor)) static void begin(void) {
    struct timespec now;
    real = dlsym(RTLD_NEXT, "clock_gettime");
    real(CLOCK_MONOTONIC, &now);
    start = now.tv_sec;
}
static time_t off(void) {
    struct timespec now;
    char *end;
    time_t before = strtol(getenv("EVALSUITE_CLOCK"), &end, 10), after = strtol(end, 0, 10);
    real(CLOCK_MONOTONIC, &now);
    return now.tv_sec - start < 6 ? before : after;
}
int clock_gettime(clockid_t which, struct timespec *now) {
    if (!real) begin();
    int code = real(which, now);
    if (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE) now->tv_sec += off();
    return code;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out) *out = now.tv_sec;
    return now.tv_sec;
}
int gettimeofday(struct timeval *now, void *zone) {
    struct timespec exact;
    clock_gettime(CLOCK_REALTIME, &exact);
    now->tv_sec = exact.tv_sec;
    now->tv_usec = exact.tv_nsec / 1000;
    return 0;
}
"""
"""A clock of the process that is off by one number of seconds, and six seconds later by another;
the system's own stays as it is."""
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
    "a judge that answers 429 or errors": "tests/harness/test_alpaca_eval.py",
}
"""Faults with tests of their own."""


class ImpossibleError(Exception):
    """This machine or user cannot make the fault happen."""


@dataclass
class Place:
    """Where a fault happens."""

    folder: Path
    expected: Reference
    scenario: Scenario
    wrong: list[str] = field(default_factory=list)

    @property
    def out(self) -> Path:
        """The store."""
        return self.folder / "store"

    def start(self, *, prefix: Sequence[str] = (), extra: Sequence[str] = (), **env: str) -> Run:
        """Start the scenario's command."""
        arguments = [*self.scenario.arguments(self.out), *extra]
        return Run(arguments, self.folder.with_name(f"{self.folder.name}-work"), env, (*prefix,))

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note what is wrong."""
        if not holds:
            self.wrong.append(otherwise)

    def ended(self, run: Run, codes: Sequence[int], words: str = "") -> str:
        """Check how a run ended; the line that says so."""
        code, text = run.wait(), run.text
        # Long lines are not wrapped; what a run says last is in one line.
        said = [line.strip() for line in text.splitlines() if words and words in line]
        self.expect(code in codes, f"exit code {code}: {text[-800:]}")
        self.expect(bool(said) or not words, f"does not say {words!r}: {text[-800:]}")
        self.expect("Traceback" not in text, "a traceback")
        self.expect(not run.strays(), "left processes")
        run.end()
        if self.out.exists():
            self.expect(not contents(self.out).unreadable, "half records")
        line = (said or [""])[-1].replace(f"{self.folder}/", "")
        return f"exit code {code}; {line}" if line else f"exit code {code}"

    def completes(self) -> None:
        """Run the same command again, and compare with the undisturbed run."""
        run = self.start()
        self.ended(run, [0])
        self.same()

    def same(self) -> None:
        """Compare the store with that of the undisturbed run."""
        found = contents(self.out)
        self.expect(found.records == self.expected.contents.records, "records differ")
        self.expect(set(found.jobs.values()) == {1}, f"scores a job: {found.jobs}")
        self.expect(not found.leavings, f"left {found.leavings}")
        self.expect(table(self.out) == self.expected.table, "the table differs")


def until(run: Run, happens: Callable[[], object], seconds: float = 300.0) -> None:
    """Wait for something to happen while a run goes on.

    Raises:
        TimeoutError: If it does not.
    """
    deadline = time.monotonic() + seconds
    while not happens():
        if run.process.poll() is not None or time.monotonic() > deadline:
            raise TimeoutError(f"the moment never came: {run.text[-800:]}")
        time.sleep(0.01)


def in_job(place: Place) -> bool:
    """Whether a worker has begun a job."""
    return any(path.is_dir() for path in place.out.glob(".work/*-*"))


def worker(run: Run) -> int:
    """The run's worker; waits for it."""
    found: list[int] = []

    def look() -> list[int]:
        found[:] = [pid for pid in run.family() if role(pid) == "worker"]
        return found

    until(run, look)
    return found[0]


@contextmanager
def small_disk(place: Place, megabytes: int) -> Iterator[None]:
    """A file system of its own for the place."""
    place.folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(place.folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        raise ImpossibleError("a file system can be mounted by root alone")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place.folder)], check=True)


def disk_full_at_the_start(place: Place) -> str:
    """Refused in one line; nothing is written."""
    with small_disk(place, 32):
        said = place.ended(place.start(), [6], "MiB are free")
        left = [path for path in place.folder.rglob("*") if path.is_file()]
        place.expect(not left, f"left {left}")
    return said


def disk_fills_up(place: Place) -> str:
    """Ends in one line; with space again, goes on."""
    with small_disk(place, 80):
        run = place.start()
        until(run, lambda: in_job(place))
        filler = place.folder / "filler"
        with filler.open("wb", buffering=0) as stream, suppress(OSError):
            while True:
                stream.write(b"x" * (1 << 16))
        said = place.ended(run, [1, 6], "no space left")
        filler.unlink(missing_ok=True)
        place.completes()
    return said


def files_cannot_grow(place: Place) -> str:
    """A quota on file sizes: no record, no half record."""
    run = place.start(prefix=["prlimit", "--fsize=1500"])
    said = place.ended(run, [1, 6], "cannot write")
    place.completes()
    return said


def read_only_folder(place: Place) -> str:
    """Refused in one line before anything is loaded."""
    with small_disk(place, 80):
        remount = ["mount", "-o", "remount,ro", str(place.folder)]
        subprocess.run(remount, check=True)
        said = place.ended(place.start(), [6], "cannot write")
        subprocess.run([*remount[:2], "remount,rw", str(place.folder)], check=True)
        place.completes()
    return said


def folder_removed(place: Place) -> str:
    """The results folder vanishes with the first score in it: the run says that it is gone."""
    run = place.start()
    until(run, lambda: list(place.out.glob("*/*.r1.json")))
    shutil.rmtree(place.out, ignore_errors=True)
    said = place.ended(run, [1, 6], "run again")
    place.completes()
    return said


def memory_exhausted(place: Place) -> str:
    """No more memory for the worker once it has begun: its job fails and says so."""
    run = place.start()
    pid = worker(run)
    until(run, lambda: in_job(place))
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[0])
    size = pages * resource.getpagesize()
    resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
    said = place.ended(run, [1], "failed: ")
    place.completes()
    return said


def worker_killed(place: Place) -> str:
    """As the kernel does where memory runs out."""
    run = place.start()
    pid = worker(run)
    until(run, lambda: in_job(place))
    os.kill(pid, signal.SIGKILL)
    said = place.ended(run, [1], "out of memory?")
    place.completes()
    return said


def engine_stops_once(place: Place) -> str:
    """Noticed, named, ended and started again: the run itself completes."""
    run = place.start(**PATIENCE)
    until(run, lambda: in_job(place))
    _stop_worker(run)
    said = place.ended(run, [0], "it is started again")
    place.same()
    return said


def engine_stops_twice(place: Place) -> str:
    """An engine that hangs whenever it is loaded: its jobs fail with the reason."""
    run = place.start(**PATIENCE)
    first = _stop_worker(run)
    until(run, lambda: first not in run.family())
    _stop_worker(run)
    said = place.ended(run, [1], "again after a restart")
    place.completes()
    return said


def _stop_worker(run: Run) -> int:
    """Stop the process that computes; vLLM too runs within the worker."""
    pid = worker(run)
    os.kill(pid, signal.SIGSTOP)
    return pid


def clock_jumps(place: Place) -> str:
    """Ten years back while it runs, then thirty years ahead, then today."""
    year = 365 * 24 * 3600
    code = place.folder.with_name(f"{place.folder.name}-clock")
    code.mkdir(parents=True)
    (code / "clock.c").write_text(CLOCK, encoding="ascii")
    library = str(code / "clock.so")
    compiler = shutil.which("gcc")
    if compiler is None:
        raise ImpossibleError("the clock is made with gcc, which is not here")
    build = [compiler, "-shared", "-fPIC", "-o", library, str(code / "clock.c"), "-ldl"]
    subprocess.run(build, check=True)
    back = {"LD_PRELOAD": library, "EVALSUITE_CLOCK": f"0 {-10 * year}"}
    ahead = {"LD_PRELOAD": library, "EVALSUITE_CLOCK": f"{30 * year} {-20 * year}"}
    run = place.start(**back)
    until(run, lambda: in_job(place))
    os.kill(worker(run), signal.SIGKILL)
    place.ended(run, [1], "SIGKILL")
    said = place.ended(place.start(**ahead), [0])
    place.same()
    place.completes()
    # A score that is made anew counts as the newest, though its clock is behind.
    place.ended(place.start(extra=["--fresh"]), [0])
    jobs = contents(place.out).jobs
    place.expect(set(jobs.values()) == {2}, f"scores a job after --fresh: {jobs}")
    times: dict[str, list[str]] = {}
    for record in sorted(place.out.glob("[!.]*/*.r?.json")):
        created = json.loads(record.read_bytes())["created"]
        times.setdefault(record.name.split(".r")[0], []).append(created)
    place.expect(all(a < b for a, b in times.values()), f"the newest is not the last: {times}")
    return said


def two_runs_at_once(place: Place) -> str:
    """Each job is done once."""
    return _at_once(place, 2)


def four_runs_at_once(place: Place) -> str:
    """Each job is done once."""
    return _at_once(place, 4)


def _at_once(place: Place, count: int) -> str:
    runs = [place.start() for _ in range(count)]
    said = [place.ended(run, [0]) for run in runs]
    place.same()
    return ", ".join(said)


def interrupted_at_the_start(place: Place) -> str:
    """Ctrl-C before anything has been loaded."""
    run = place.start()
    time.sleep(0.3)
    return _interrupt(place, run, "")


def interrupted_while_loading(place: Place) -> str:
    """Ctrl-C while the engine is loaded."""
    run = place.start()
    worker(run)
    return _interrupt(place, run, "what is finished is kept in")


def interrupted_in_a_job(place: Place) -> str:
    """Ctrl-C within a job."""
    run = place.start()
    until(run, lambda: in_job(place))
    return _interrupt(place, run, "the same command goes on")


def interrupted_with_a_stopped_engine(place: Place) -> str:
    """Ctrl-C though the engine listens to nobody."""
    run = place.start()
    until(run, lambda: in_job(place))
    _stop_worker(run)
    return _interrupt(place, run, "what is finished is kept in")


def _interrupt(place: Place, run: Run, words: str) -> str:
    started = time.monotonic()
    os.kill(run.process.pid, signal.SIGINT)
    run.wait()
    seconds = time.monotonic() - started
    said = place.ended(run, [130], words)
    place.expect(seconds < INTERRUPT_SECONDS, f"took {seconds:.1f} s")
    place.completes()
    return f"{said} ({seconds:.1f} s)"


def terminated(place: Place) -> str:
    """``kill``, as batch systems do: nothing is left behind."""
    run = place.start()
    until(run, lambda: in_job(place))
    os.kill(run.process.pid, signal.SIGTERM)
    said = place.ended(run, [-signal.SIGTERM, 143])
    place.completes()
    return said


CASES: dict[str, tuple[Callable[[Place], str], Scenario]] = {
    "the disk is full at the start": (disk_full_at_the_start, EMBEDDING),
    "the disk fills up in a job": (disk_fills_up, EMBEDDING),
    "files cannot grow": (files_cannot_grow, EMBEDDING),
    "the results folder is read-only": (read_only_folder, EMBEDDING),
    "the results folder is removed in a job": (folder_removed, EMBEDDING),
    "memory is exhausted in the model": (memory_exhausted, EMBEDDING),
    "the worker is killed for its memory": (worker_killed, EMBEDDING),
    "the engine stops answering": (engine_stops_once, EMBEDDING),
    "the engine stops answering, twice": (engine_stops_twice, EMBEDDING),
    "the vLLM engine stops answering": (engine_stops_once, VLLM),
    "the clock jumps": (clock_jumps, EMBEDDING),
    "two runs at once": (two_runs_at_once, EMBEDDING),
    "four runs at once": (four_runs_at_once, EMBEDDING),
    "Ctrl-C at the start": (interrupted_at_the_start, EMBEDDING),
    "Ctrl-C while the engine loads": (interrupted_while_loading, EMBEDDING),
    "Ctrl-C in a job": (interrupted_in_a_job, EMBEDDING),
    "Ctrl-C with a stopped engine": (interrupted_with_a_stopped_engine, EMBEDDING),
    "Ctrl-C with vLLM": (interrupted_in_a_job, VLLM),
    "SIGTERM in a job": (terminated, EMBEDDING),
}


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
    return Finding(name, what, seen, seconds, tuple(place.wrong))


def run_all(names: Sequence[str], folder: Path) -> list[Finding]:
    """Make faults happen, one after the other; says each as it ends."""
    adopt_orphans()
    # A shell starts what it puts into the background deaf to Ctrl-C, and its children likewise.
    signal.signal(signal.SIGINT, signal.default_int_handler)
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
