"""What a generated program can and cannot do inside the sandbox."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from evalsuite.errors import TaskSkipped
from evalsuite.harness import sandbox
from evalsuite.harness.sandbox import Sandbox, probe, require_sandbox, why_unavailable


@pytest.fixture
def box() -> Sandbox:
    found = probe()
    if isinstance(found, str):
        pytest.skip(found)
    return found


def test_without_bubblewrap_the_reason_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    probe.cache_clear()
    try:
        assert "apt-get install bubblewrap" in (why_unavailable() or "")
        with pytest.raises(TaskSkipped, match="only run in a sandbox"):
            require_sandbox()
    finally:
        probe.cache_clear()


def test_a_bubblewrap_that_does_not_work_gives_its_own_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "bwrap"
    broken.write_text(
        "#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n"
    )
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    probe.cache_clear()
    try:
        assert "No permissions to create new namespace" in (why_unavailable() or "")
        # A sandbox that fails is an error, never a wrong answer.
        assert Sandbox(str(broken)).run("x = 1", "pass").outcome == "error"
    finally:
        probe.cache_clear()


def test_right_and_wrong_programs(box: Sandbox) -> None:
    add = "def add(a, b):\n    return a + b\n"
    assert box.run(add, "assert add(2, 3) == 5").outcome == "passed"
    wrong = box.run(add, "assert add(2, 3) == 6")
    assert (wrong.outcome, wrong.detail[:14]) == ("failed", "AssertionError")
    assert box.run("def add(a, b:", "assert add(2, 3) == 5").detail.startswith("SyntaxError")


@pytest.mark.parametrize(
    "program",
    [
        "raise SystemExit(0)",
        "import os; os._exit(0)",
        "def f():\n    raise SystemExit(0)",
        "def f():\n    import os; os._exit(0)",
        "def f():\n    import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
        'print(\'{"passed": "1"}\', flush=True)\nimport os; os._exit(0)',
        'import os\nfor fd in range(9): os.write(fd, b\'{"passed": ""}\')\nos._exit(0)',
        "import atexit\natexit.register(print, 'passed')\ndef f():\n    raise SystemExit(0)",
    ],
)
def test_leaving_early_is_no_pass(box: Sandbox, program: str) -> None:
    assert box.run(program, "f()\nassert False").outcome == "failed"


@pytest.mark.parametrize(
    "attempt",
    [
        "import socket; socket.create_connection(('127.0.0.1', 22), 1)",
        "open('/etc/passwd').read()",
        f"open({str(Path(__file__))!r}).read()",
        "open('/usr/evil', 'w')",
        "import os; os.environ['HOME']",
        "x = bytearray(3 << 30)",
        "f = open('/tmp/x', 'wb')\nfor _ in range(64): f.write(bytes(1 << 20))\nf.flush()",
    ],
)
def test_the_outside_cannot_be_reached(box: Sandbox, attempt: str) -> None:
    guarded = "\n".join(f"    {line}" for line in attempt.split("\n"))
    program = f"reached = True\ntry:\n{guarded}\nexcept BaseException:\n    reached = False\n"
    assert box.run(program, "assert not reached").outcome == "passed"


def test_tmp_is_private_and_empty(box: Sandbox) -> None:
    program = "import os\nbefore = os.listdir('/tmp')\nopen('/tmp/x', 'w').write('1')"
    for _ in range(2):
        assert box.run(program, "assert before == []").outcome == "passed"


def test_a_program_without_end_times_out(box: Sandbox) -> None:
    quick = replace(box, seconds=0.5)
    assert quick.run("while True: pass", "").outcome == "timeout"
    assert quick.run("import time\ntime.sleep(60)", "").outcome == "timeout"


def test_a_program_that_ignores_its_alarm_is_killed(
    box: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox, "GRACE", 0.5)
    deaf = "import signal, time\nsignal.signal(signal.SIGALRM, signal.SIG_IGN)\ntime.sleep(60)"
    assert replace(box, seconds=0.5).run(deaf, "").outcome == "timeout"
