"""What a generated program can and cannot do inside the sandbox.

Hostile programs by the dozen are in ``tests/torture``.
"""

from __future__ import annotations

import json
import os
from collections import deque
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from evalsuite.errors import TaskSkipped
from evalsuite.sandbox import isolation, sandbox
from evalsuite.sandbox.inside.wire import NotPlainError, decode, encode
from evalsuite.sandbox.sandbox import RunResult, Sandbox, probe, require_sandbox, why_unavailable


@pytest.fixture
def box() -> Sandbox:
    found = probe()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def test_without_bubblewrap_the_reason_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "programs", list)
    probe.cache_clear()
    try:
        assert "apt-get install bubblewrap" in (why_unavailable() or "")
        with pytest.raises(TaskSkipped, match="only run in a sandbox"):
            require_sandbox()
    finally:
        probe.cache_clear()


def test_a_machine_whose_system_calls_are_not_known_has_no_sandbox(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(isolation.platform, "machine", lambda: "riscv64")
    probe.cache_clear()
    try:
        assert "Linux on x86-64 and Arm only" in (why_unavailable() or "")
    finally:
        probe.cache_clear()


BROKEN = "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
OPEN = '#!/bin/sh\nwhile [ "${1#/*python}" = "$1" ]; do shift; done\nexec "$@"\n'


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (BROKEN, "No permissions to create new namespace"),
        # One that runs everything as it is, without any wall.
        (OPEN, "does not work here"),
    ],
)
def test_a_bubblewrap_that_does_not_work_gives_its_own_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, script: str, reason: str
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text(script)
    broken.chmod(0o755)
    monkeypatch.setattr(sandbox, "programs", lambda: [str(broken)])
    probe.cache_clear()
    try:
        assert reason in (why_unavailable() or "")
        # A sandbox that fails is an error, never a wrong answer.
        assert run(Sandbox(str(broken)), "def f(): pass", "f()").outcome == "error"
    finally:
        probe.cache_clear()


def run(box: Sandbox, program: str, tests: str, entry: str = "f", given: str = "") -> RunResult:
    return box.run(program, tests, entry=entry, given=given)


@pytest.mark.parametrize("place", ["/", "{home}", "{home}/.."])
def test_a_python_whose_folder_holds_the_home_has_no_sandbox(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Path.home().resolve()
    python = Path(place.format(home=home)).resolve() / "bin" / "python3"
    monkeypatch.setattr(isolation, "python", lambda: str(python))
    probe.cache_clear()
    try:
        reason = why_unavailable() or ""
    finally:
        probe.cache_clear()
    assert f"programs could read all of {python.parents[1]}" in reason


@pytest.mark.parametrize(
    "python", ["/usr/bin/python3", "/opt/python/bin/python3", "{home}/py/bin/p"]
)
def test_a_python_with_a_folder_of_its_own_is_fine(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(isolation, "python", lambda: python.format(home=Path.home()))
    assert isolation.exposed() is None


DEADLY = """#!/bin/sh
case "$*" in *{side}*) echo . >> {folder}/starts; {when} && {end} ;; esac
exec {bwrap} "$@"
"""
ONCE, ALWAYS = "mkdir {folder}/done 2> /dev/null", "true"
AT_ONCE, FROM_WITHIN = "kill -9 $$", "exit 137"
LATER = "{ (sleep 0.2; kill -9 $$) & }"
SLOW = "import time\ndef f():\n    time.sleep(0.5)\n    return 1\n"


def deadly(box: Sandbox, folder: Path, side: str, when: str, end: str) -> Sandbox:
    """A bubblewrap that ends as if something had killed it."""
    folder.mkdir()
    path = folder / "bwrap"
    when = when.format(folder=folder)
    path.write_text(DEADLY.format(folder=folder, side=side, when=when, end=end, bwrap=box.bwrap))
    path.chmod(0o755)
    return replace(box, bwrap=str(path))


@pytest.mark.parametrize("end", [AT_ONCE, FROM_WITHIN, LATER])
@pytest.mark.parametrize("side", ["answerer", "checker"])
@pytest.mark.parametrize(("given", "outcome"), [(1, "passed"), (2, "failed")])
def test_a_sandbox_that_is_killed_is_started_again(
    box: Sandbox, tmp_path: Path, given: int, outcome: str, side: str, end: str
) -> None:
    folder = tmp_path / "bin"
    found = run(deadly(box, folder, side, ONCE, end), SLOW, f"assert f() == {given}")
    assert (found.outcome, found.killed) == (outcome, False)
    assert len((folder / "starts").read_text().split()) == 2, "the killed side, and once more"


@pytest.mark.parametrize("end", [AT_ONCE, LATER])
@pytest.mark.parametrize("side", ["answerer", "checker"])
def test_a_sandbox_that_is_always_killed_is_an_error_and_no_wrong_answer(
    box: Sandbox, tmp_path: Path, side: str, end: str
) -> None:
    found = run(deadly(box, tmp_path / "bin", side, ALWAYS, end), SLOW, "f()")
    assert (found.outcome, found.detail) == ("error", "the sandbox was killed from outside")


def test_a_program_that_kills_itself_has_failed(box: Sandbox) -> None:
    program = "import os, signal\ndef f():\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    assert run(box, program, "f()").outcome == "failed"


@pytest.mark.parametrize("side", ["answerer", "checker"])
def test_a_killed_trial_does_not_say_that_there_is_no_sandbox(
    box: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    folder = tmp_path / "bin"
    deadly(box, folder, side, ONCE, AT_ONCE)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    probe.cache_clear()
    try:
        assert why_unavailable() is None
    finally:
        probe.cache_clear()
    assert (folder / "done").is_dir()


def test_right_and_wrong_programs(box: Sandbox) -> None:
    add = "def f(a, b):\n    return a + b\n"
    assert run(box, add, "assert f(2, b=3) == 5").outcome == "passed"
    wrong = run(box, add, "assert f(2, 3) == 6")
    assert (wrong.outcome, wrong.detail[:14]) == ("failed", "AssertionError")
    assert run(box, "def f(a, b:", "assert f(2, 3) == 5").detail.startswith("SyntaxError")
    assert run(box, "def g(): pass", "assert f()").detail.startswith("KeyError")


def test_tests_use_the_tasks_own_code_and_not_the_programs(box: Sandbox) -> None:
    helper = "import math\ndef double(x): return 2 * x\ndef f(x):\n    'Says x.'\n"
    program = "def double(x): return 0\ndef f(x): return 0"
    tests = "assert double(f(1)) == 0 and math.pi > 3"
    assert run(box, program, tests, given=helper).outcome == "passed"
    assert run(box, program, "assert double(1) == 2", given=helper).outcome == "passed"


def test_exceptions_and_changed_arguments_reach_the_tests(box: Sandbox) -> None:
    raises = "def f(x): raise ValueError(f'no {x}')"
    expects = "try: f(1)\nexcept ValueError as e: assert str(e) == 'no 1'\nelse: assert False"
    assert run(box, raises, expects).outcome == "passed"
    own = "class E(Exception): pass\ndef f(x): raise E(x)"
    assert run(box, own, expects).detail.startswith("RuntimeError")
    in_place = "def f(xs, d, s):\n    xs.sort()\n    d['k'] = 1\n    s.add(2)"
    tests = "xs, d, s = [2, 1], {}, set()\nassert f(xs, d, s) is None\n"
    assert run(box, in_place, tests + "assert (xs, d, s) == ([1, 2], {'k': 1}, {2})").outcome == (
        "passed"
    )


PLAIN = [
    None, True, -7, 10**4000, 2.5, float("inf"), "ß\ud800", b"\x00\xff", bytearray(b"a"), 1 + 2j,
    [1, [2]], (1,), {"a": {1: (2,)}}, {1, 2}, frozenset({1}), range(2, 9, 3), {(1, 2): [None]},
    deque([1]), Fraction(1, 3), Decimal("0.1"),
]  # fmt: skip


def test_plain_values_travel_unchanged(box: Sandbox) -> None:
    for value in (*PLAIN, 10**100_000):
        there = decode(json.loads(json.dumps(encode(value))))
        assert there == value
        assert type(there) is type(value)
    names = "from collections import deque\nfrom fractions import Fraction\ninf = float('inf')\n"
    names += "from decimal import Decimal\n"
    tests = f"for x in {PLAIN!r}: assert f(x) == x and type(f(x)) is type(x)"
    assert run(box, "def f(x): return x", names + tests).outcome == "passed"
    views = "def f(x): return x.keys(), x.items(), list(x.values()), iter(x), map(str, x)"
    tests = "k, i, v, t, m = f({1: 2})\nassert k == {1} and i == {(1, 2)} and v == [2]\n"
    assert run(box, views, tests + "assert [*t, *m] == [1, '1']").outcome == "passed"


@pytest.mark.parametrize(
    "form",
    [["no such", 1], ["int", "x"], ["int", 5], ["dict", [1]], ["list", 3], ["complex", ["a", 1]],
     ["set", [["list", []]]], [], [1, 2, 3], ["range", [1, 2, 0]], ["fraction", [1, 0]]],
)  # fmt: skip
def test_what_is_no_form_is_refused(form: object) -> None:
    with pytest.raises(NotPlainError):
        decode(form)


def test_tmp_is_private_and_empty(box: Sandbox) -> None:
    program = "import os\nbefore = os.listdir('/tmp')\nopen('/tmp/x', 'w').write('1')\n"
    for _ in range(2):
        assert run(box, program + "def f(): return before", "assert f() == []").outcome == "passed"


def test_a_program_without_end_times_out(box: Sandbox) -> None:
    quick = replace(box, seconds=0.5)
    assert run(quick, "while True: pass", "").outcome == "timeout"
    assert run(quick, "import time\ndef f(): time.sleep(60)", "f()").outcome == "timeout"


def test_tests_without_end_time_out_too(box: Sandbox) -> None:
    quick = replace(box, seconds=0.5)
    assert run(quick, "def f(): return 1", "while True: f()").outcome == "timeout"


def test_the_filter_has_the_form_that_the_kernel_reads() -> None:
    for machine in isolation.MACHINES.values():
        program = isolation.call_filter(machine)
        assert len(program) % 8 == 0
        # One pipe holds it, and BPF has at most 4096 instructions.
        assert len(program) // 8 < 4096
    assert len(set(isolation.MACHINES["x86_64"].refused)) == len(
        isolation.MACHINES["x86_64"].refused
    )
