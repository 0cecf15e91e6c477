"""The process behind ``command_line.py``: it has imported the command line and forks for each call.

Reads one JSON object a line (``arguments``, ``folder``, ``environment``, ``seconds``) and answers
with ``code``, ``out`` and ``err``. The fork calls what the console script calls.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
import time
from typing import Any

from evalsuite.cli import main

TIMEOUT = "timeout"
IMPORTED_ONCE = (
    *("httpx2", "jinja2.sandbox", "matplotlib.backends.backend_agg", "numpy", "pyarrow.parquet"),
    *("rich.progress", "scipy.special", "yaml"),
    *("evalsuite.api", "evalsuite.cli.app", "evalsuite.importers.lm_eval"),
    *("evalsuite.importers.mteb", "evalsuite.report.page.document", "evalsuite.stats"),
    *(f"evalsuite.commands.{name}" for name in ("check", "compare", "data", "run", "show")),
)
READ_THE_ENVIRONMENT = ("huggingface_hub", "torch")
"""Libraries that read variables when they are imported: each command imports them itself."""

for name in IMPORTED_ONCE:
    importlib.import_module(name)
assert not any(name in sys.modules for name in READ_THE_ENVIRONMENT)


def call(job: dict[str, Any]) -> dict[str, Any]:
    """Run one command line in a fork."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        sys.stdout.flush()
        child = os.fork()
        if child == 0:
            _be_the_command(job, out.fileno(), err.fileno())
        code = _wait(child, job["seconds"])
        out.seek(0)
        err.seek(0)
        texts = [stream.read().decode("utf-8", "replace") for stream in (out, err)]
    return {"code": code, "out": texts[0], "err": texts[1]}


def _be_the_command(job: dict[str, Any], out: int, err: int) -> None:
    code = 255
    try:
        os.setsid()
        os.chdir(job["folder"])
        os.environ.clear()
        os.environ.update(job["environment"])
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.argv = ["evalsuite", *job["arguments"]]
        main()
    except SystemExit as done:
        code = done.code if isinstance(done.code, int) else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _wait(child: int, seconds: float) -> int | str:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, 9)
    os.waitpid(child, 0)
    return TIMEOUT


if __name__ == "__main__":
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        answers.write(json.dumps(call(json.loads(line))) + "\n")
        answers.flush()
