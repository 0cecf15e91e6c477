"""The sandbox, the data and the disk."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from evalsuite.data.mirror import read_manifest
from evalsuite.data.needs import Need
from evalsuite.data.verify import Checked, verify
from evalsuite.doctor.finding import Finding
from evalsuite.errors import DataError
from evalsuite.paths import cache_dir
from evalsuite.sandbox.sandbox import probe
from evalsuite.store import MIN_FREE_BYTES

PROGRAM = "def add(a, b):\n    return a + b\n"
ESCAPE = "def add(a, b):\n    open('/etc/passwd').read()\n    return a + b\n"
TESTS = "assert add(17, 25) == 42\nassert add(-1, 1) == 0\n"

TASK_BYTES = 8 << 20
"""Of a task's record, samples and what an unfinished job keeps; large ones have a few MiB."""
DEMO_BYTES = 1 << 30
"""Of the converted demo checkpoints and indices in the cache."""


def sandbox() -> Finding:
    """Run a right, a wrong and a hostile program."""
    check, box = "sandbox", probe()
    if isinstance(box, str):
        reason, _, fix = box.partition("; ")
        text = f"{reason}: code tasks are skipped"
        return Finding(
            check=check, state="fail", text=text, fix=fix or "run code tasks on another machine"
        )
    expected = ((PROGRAM, "passed"), (PROGRAM.replace("+", "-"), "failed"), (ESCAPE, "failed"))
    for program, outcome in expected:
        done = box.run(program, TESTS, entry="add")
        if done.outcome != outcome:
            return Finding(
                check=check,
                state="fail",
                text=f"a program that had to be {outcome} was {done.outcome}: {done.detail}",
                fix="reinstall bubblewrap; python tests/torture/hostile_programs.py shows more",
            )
    text = f"right, wrong and hostile programs are told apart ({box.seconds:.0f} s each at most)"
    return Finding(check=check, state="ok", text=text)


def data(root: Path, needs: Sequence[Need], suite: str) -> list[Finding]:
    """Check that a mirror holds what a suite reads, and that every file is as it was fetched."""
    fetch = f"evalsuite data fetch {suite} {root}"
    if not root.is_dir():
        return [Finding(check="data", state="fail", text=f"{root} is not a folder", fix=fetch)]
    try:
        checked = verify(root)
        held = {need.name: need.held(root) for need in needs}
    except DataError as error:
        return [Finding(check="data", state="fail", text=error.message, fix=fetch)]
    found = []
    of = f"of {len(needs)} data sets of {suite}"
    if missing := [name for name, folder in held.items() if folder is None]:
        text = f"{len(missing)} {of} are not there: {_some(missing)}"
        found.append(Finding(check="data", state="fail", text=text, fix=fetch))
    found += [_hashes(one, fetch) for one in checked if one.problems]
    known = {root / one.folder for one in checked}
    if unknown := [name for name, folder in held.items() if folder and folder not in known]:
        text = (
            f"{len(unknown)} {of} were put there by hand, so that nothing says what they must "
            f"hash to: {_some(unknown)}"
        )
        fix = f"to have them checked, move them away, then: {fetch}"
        found.append(Finding(check="data", state="warn", text=text, fix=fix))
    if not found:
        files = sum(one.files for one in checked)
        text = f"all {len(needs)} data sets of {suite} are there; {files} files hash to what was"
        found.append(Finding(check="data", state="ok", text=f"{text} fetched"))
    return found


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (" …" if len(names) > 5 else "")


def _hashes(one: Checked, fetch: str) -> Finding:
    first = one.problems[0]
    text = f"{one.folder}: {first.file} is {first.state}"
    if len(one.problems) > 1:
        text += f", and {len(one.problems) - 1} more"
    return Finding(check="data", state="fail", text=text, fix=fetch)


def disk(store: Path, tasks: int, root: Path | None) -> list[Finding]:
    """Compare free space with what the suite will write.

    Args:
        store: Where results go.
        tasks: Tasks of the suite.
        root: The mirror, whose data sets are converted once into the cache.
    """
    size = sum(entry.size for entry in read_manifest(root).datasets.values()) if root else 0
    return [
        _space("store", store, max(MIN_FREE_BYTES, tasks * TASK_BYTES), "--out"),
        _space("cache", cache_dir(), DEMO_BYTES + 2 * size, "EVALSUITE_CACHE"),
    ]


def _space(what: str, folder: Path, need: int, option: str) -> Finding:
    there = folder.absolute()
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    text = f"{free / 2**30:.1f} GiB free for the {what}, {need / 2**30:.1f} may be needed"
    if free < need:
        fix = f"free some space, or choose another folder with {option}"
        return Finding(check="disk", state="fail", text=text, fix=fix)
    return Finding(check="disk", state="ok", text=text)
