"""The faults: each makes one happen around a run, and says what was seen.

The first line of its docstring is what must hold.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from fault_places import ImpossibleError, Place, in_job, small_disk, until, worker
from kills import BOTH, EMBEDDING, GENERATION, VLLM, Scenario
from real_runs import Run, contents, role

PATIENCE = {"EVALSUITE_PATIENCE": "8"}
"""So that a stalled engine is noticed in seconds; ten minutes otherwise."""
INTERRUPT_SECONDS = 10.0
"""Ctrl-C ends a run within this."""
CONVERSIONS = 2
"""How often a conversion is killed."""
START_STEPS = 20
START_SECONDS = 0.05
"""Moments at the start at which Ctrl-C comes, and the seconds between them."""
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


def sandbox_killed(place: Place) -> str:
    """Killed while it is tried, and again under a program: it is started again each time."""
    run = place.start()
    _kill_sandbox(run, lambda: True)
    _kill_sandbox(run, lambda: in_job(place))
    said = place.ended(run, [0])
    place.same()
    return said


def _kill_sandbox(run: Run, when: Callable[[], bool]) -> None:
    found: list[int] = []

    def look() -> list[int]:
        found[:] = [pid for pid in run.family() if role(pid) == "sandbox"] if when() else []
        return found

    until(run, look)
    with suppress(ProcessLookupError):
        os.kill(found[0], signal.SIGKILL)


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
    for run in runs:
        place.ended(run, [0])
    place.same()
    # Each run says which jobs it did, and which another run had done.
    lines = [line for run in runs for line in run.text.splitlines() if " done in " in line]
    did = [sum(line in run.text and "by another run" not in line for line in lines) for run in runs]
    jobs = len(place.expected.contents.jobs)
    place.expect(sum(did) == jobs, f"{jobs} jobs, done {sum(did)} times: {lines}")
    return f"{jobs} jobs; done by the runs: {', '.join(map(str, did))}"


def conversion_killed(place: Place) -> str:
    """Killed while a GGUF file becomes a checkpoint in an empty cache: nothing half is used."""
    work = place.folder.with_name(f"{place.folder.name}-work")
    cache = work / "empty-cache"
    fresh = {"EVALSUITE_CACHE": str(cache)}
    for _ in range(CONVERSIONS):
        run = place.start(**fresh)
        until(run, lambda: list(cache.glob("checkpoints/.*")))
        os.kill(run.process.pid, signal.SIGKILL)
        run.wait()
        place.expect(not run.strays(), "left processes")
    place.expect(not place.out.exists(), "began before the checkpoint was there")
    said = place.ended(place.start(**fresh), [0])
    place.same()
    left = [path.name for path in cache.glob("checkpoints/.*")]
    place.expect(not left, f"left {left}")
    return said


def interrupted_at_the_start(place: Place) -> str:
    """Ctrl-C at each twentieth of the first second: before the imports are done, in planning."""
    said, alone = "", 0
    for step in range(START_STEPS):
        run = place.start()
        time.sleep(step * START_SECONDS)
        os.kill(run.process.pid, signal.SIGINT)
        run.wait()
        if "evalsuite: " in run.text or "/app.py" in run.text:
            said = place.ended(run, [130], "the same command goes on")
        else:
            # Python had not begun with evalsuite's own code, and ends in its own way.
            alone += 1
            place.expect(run.wait() != 0 and not run.strays(), "went on, or left processes")
    place.expect(alone <= START_STEPS // 2, f"{alone} times nothing was said")
    place.completes()
    return said


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
    "the sandbox is killed": (sandbox_killed, GENERATION),
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
    "killed while a checkpoint is converted": (conversion_killed, BOTH),
}
"""By name; each with what is run."""
