"""``kill -9`` of random processes of a run at random moments; then the same command once more.

A round has a store of its own: a run of the real command line is killed, the same command then
has to complete, and its records and table must be those of a run that nothing disturbed. Every
tenth round is killed twice before it may complete. Moments and victims follow from the seed:
``--round N`` repeats one round.

``python tests/torture/kills.py --kills 200 --vllm-kills 20`` writes
``reports/torture/kills.{json,md}``, with the commit that each round was played on; with ``--keep``
only those rounds are played that are not in the report yet, or in which something was wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from kill_report import WITH_VLLM, Finding, Kill, read, write
from real_runs import Contents, Run, adopt_orphans, contents, impersonal, revision, role, table

REPORTS = Path(__file__).parents[2] / "reports" / "torture"
TRIES = 20
"""Draws of a moment, until one finds the run alive: a run may be faster than the reference."""
SHOWN = 1500


@dataclass(frozen=True)
class Scenario:
    """What is run."""

    name: str
    checkpoint: str
    tasks: str
    engine: str
    dtype: str = "auto"

    @property
    def exact(self) -> bool:
        """Whether its records are the same to the bit whatever else went on."""
        return self.engine != "vllm"

    def arguments(self, out: Path) -> list[str]:
        """The command line after ``evalsuite``."""
        given = ["--ckpt", self.checkpoint, "--tasks", self.tasks, "--engine", self.engine]
        given += ["--dtype", self.dtype]
        return ["run", *given, "--limit", "8", "--out", str(out), "--reports", f"{out}-reports"]


EMBEDDING = Scenario(
    "embedding", "demo:minilm", "smoke-sts,smoke-classification,smoke-reranking", "transformers"
)
GENERATION = Scenario(
    "generation",
    "demo:smollm2",
    "smoke-multiple-choice,smoke-arithmetic,smoke-code",
    "transformers",
)
BOTH = Scenario("both", "demo:smollm2", "smoke-sts,smoke-multiple-choice", "transformers")
VLLM = Scenario(
    WITH_VLLM, "demo:smollm2", "smoke-multiple-choice,smoke-arithmetic", "vllm", "float32"
)
"""In float32, in which the answers do not depend on which prompts share a batch."""


@dataclass(frozen=True)
class Reference:
    """What a run that nothing disturbed left."""

    seconds: float
    contents: Contents
    table: str


def reference(scenario: Scenario, folder: Path, jobs: int = 1) -> Reference:
    """Run a scenario undisturbed.

    Args:
        scenario: What to run.
        folder: For the stores.
        jobs: Runs at a time, as many as there will be rounds: moments are shares of the time
            that a run takes beside others.

    Raises:
        RuntimeError: If even that fails, or if two runs do not leave the same.
    """
    with ThreadPoolExecutor(jobs) as pool:
        found = list(pool.map(lambda n: _undisturbed(scenario, folder, n), range(jobs)))
    first = found[0]
    if any(one.contents.records != first.contents.records for one in found):
        raise RuntimeError(f"{scenario.name}: two undisturbed runs differ")
    seconds = sum(one.seconds for one in found) / jobs
    return Reference(seconds, first.contents, first.table)


def _undisturbed(scenario: Scenario, folder: Path, number: int) -> Reference:
    out = folder / f"reference-{scenario.name}-{number}"
    started = time.monotonic()
    run = Run(scenario.arguments(out), folder / f"{out.name}-work")
    code = run.wait()
    seconds = time.monotonic() - started
    found = contents(out, exact=scenario.exact)
    if code or found.unreadable or found.leavings or run.strays():
        raise RuntimeError(f"{scenario.name}: exit code {code}, {found}: {run.text[-SHOWN:]}")
    return Reference(seconds, found, table(out))


def play(scenario: Scenario, expected: Reference, folder: Path, seed: int, number: int) -> Finding:
    """Play one round in an empty folder, which is removed unless something is wrong."""
    draw = random.Random(f"{seed} {number}")
    started = time.monotonic()
    out = folder / "store"
    kills: list[Kill] = []
    seen: list[Contents] = []
    strays = 0
    for _ in range(TRIES):
        hit = _kill_once(scenario, expected, out, draw)
        if hit is not None:
            kills.append(hit[0])
            seen.append(hit[1])
            strays += hit[2]
        elif not kills:
            shutil.rmtree(out)  # it was faster than the undisturbed run
        if kills and (hit is None or len(kills) == (2 if number % 10 == 9 else 1)):
            break
    last = Run(scenario.arguments(out), folder / "work")
    code = last.wait()
    strays += len(last.strays())
    seen.append(contents(out, exact=scenario.exact))
    final, want = seen[-1], expected.contents
    changed = {
        name
        for before in seen[:-1]
        for name, sha in before.bytes.items()
        if final.bytes.get(name) != sha
    }
    finding = Finding(
        number=number,
        scenario=scenario.name,
        kills=tuple(kills),
        seconds=round(time.monotonic() - started, 1),
        completed=code == 0 and bool(kills),
        lost=len(want.jobs.keys() - final.jobs.keys()) + len(changed),
        duplicated=sum(count - 1 for count in final.jobs.values()),
        corrupt=len({line for state in seen for line in state.unreadable}),
        different=sum(final.records.get(name) != text for name, text in want.records.items())
        + len(final.records.keys() - want.records.keys()),
        same_table=table(out) == expected.table,
        strays=strays,
        leavings=final.leavings,
        code=revision(),
        note=impersonal(f"exit code {code}: {last.text[-SHOWN:]}", folder),
    )
    if finding.good:
        shutil.rmtree(folder)
        return Finding(**{**vars(finding), "note": ""})
    return finding


def _kill_once(
    scenario: Scenario, expected: Reference, out: Path, draw: random.Random
) -> tuple[Kill, Contents, int] | None:
    """Start a run, kill one of its processes, and wait until all is quiet.

    Returns:
        The kill, what the store held then, and how many processes were left; ``None`` if the run
        had ended before the moment came.
    """
    moment, choice = draw.random(), draw.random()
    run = Run(scenario.arguments(out), out.parent / "work")
    _wait_until(run, moment * expected.seconds)
    family = run.family()
    victim = kill_one(family, choice)
    if victim is None:
        run.wait()
        run.end()
        return None
    run.wait()
    ended = time.monotonic()
    strays = run.strays(family)
    quiet = round(time.monotonic() - ended, 2)
    run.end()
    after = contents(out, exact=scenario.exact)
    return Kill(round(moment, 3), victim, len(after.bytes), quiet), after, len(strays)


def kill_one(family: Sequence[int], choice: float) -> str | None:
    """Kill one of some processes, the chosen one or, should it have gone meanwhile, the next.

    Returns:
        What it was; ``None`` if all of them had gone.
    """
    first = int(choice * len(family))
    for pid in [*family[first:], *family[:first]]:
        victim = role(pid)
        if victim == "gone":
            continue
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        return victim
    return None


def _wait_until(run: Run, seconds: float) -> None:
    while time.monotonic() < run.started + seconds and run.process.poll() is None:
        time.sleep(0.005)


def play_all(
    rounds: Sequence[tuple[int, Scenario]],
    folder: Path,
    seed: int,
    expected: Mapping[Scenario, Reference],
    jobs: int = 1,
) -> list[Finding]:
    """Play rounds, ``jobs`` of them at a time, and compare them with undisturbed runs."""
    adopt_orphans()

    def one(place: tuple[int, Scenario]) -> Finding:
        number, scenario = place
        root = folder / f"round-{number}"
        root.mkdir(parents=True)
        finding = play(scenario, expected[scenario], root, seed, number)
        victims = ", ".join(f"{kill.victim} at {kill.moment:.2f}" for kill in finding.kills)
        state = "as undisturbed" if finding.good else "WRONG"
        sys.stdout.write(
            f"{number}: {scenario.name}: {victims}: {state}, {finding.seconds:.0f} s\n"
        )
        sys.stdout.flush()
        return finding

    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(one, rounds))


def schedule(kills: int, vllm_kills: int) -> list[tuple[int, Scenario]]:
    """Which round runs what; ``vllm_kills`` of the ``kills`` with vLLM, last."""
    others = (EMBEDDING, GENERATION, BOTH)
    plain = kills - vllm_kills
    return [(n, others[n % 3] if n < plain else VLLM) for n in range(kills)]


def main() -> int:
    """Play all rounds and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200, help="rounds in all")
    parser.add_argument("--vllm-kills", type=int, default=20, help="of them with vLLM")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--round", type=int, help="play this one alone")
    parser.add_argument("--keep", action="store_true", help="good rounds of an earlier report stay")
    parser.add_argument("--jobs", type=int, default=1, help="rounds at a time")
    parser.add_argument("--out", type=Path, default=REPORTS)
    parser.add_argument("--store", type=Path, help="folder for the stores; kept if it is wrong")
    given = parser.parse_args()
    rounds = schedule(given.kills, given.vllm_kills)
    if given.round is not None:
        rounds = [rounds[given.round]]
    kept, before = read(given.out, given.seed) if given.keep else ([], {})
    done = {finding.number for finding in kept}
    rounds = [(number, scenario) for number, scenario in rounds if number not in done]
    folder = Path(tempfile.mkdtemp(prefix="evalsuite-kills-", dir=given.store))
    needed = dict.fromkeys(scenario for _, scenario in rounds)
    adopt_orphans()
    expected = {scenario: reference(scenario, folder, given.jobs) for scenario in needed}
    findings = play_all(rounds, folder, given.seed, expected, given.jobs)
    seconds = {scenario.name: round(ref.seconds, 1) for scenario, ref in expected.items()}
    findings = sorted([*kept, *findings], key=lambda finding: finding.number)
    line = write(findings, before | seconds, given.out, given.seed)
    for finding in findings:
        if not finding.good:
            sys.stdout.write(f"round {finding.number}: {finding}\n")
    good = all(finding.good for finding in findings)
    if good:
        shutil.rmtree(folder)
    sys.stdout.write(line + "\n")
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
