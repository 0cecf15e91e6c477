"""Keys and tokens are in no message, record, log or report."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from evalsuite.checkpoint import resolve
from evalsuite.errors import EngineError
from evalsuite.judging.endpoint import EndpointJudge
from evalsuite.judging.judge import Judge
from evalsuite.judging.prompt import load_prompt
from evalsuite.kinds.table import kind_of
from evalsuite.prompting.response_log import ResponseLog
from evalsuite.redact import MOST_LETTERS, RedactingFormatter, redact, shown
from evalsuite.registry.load import Registry
from evalsuite.run.records import failed_record, skipped_record
from evalsuite.schema import Signature
from evalsuite.store import Store
from helpers.command_line import command
from helpers.fake_judge import SECRET, serving

TOKEN = "hf_" + "AbCd1234" * 4
OWN = "no-usual-form:42"


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVALSUITE_JUDGE_KEY", SECRET)
    monkeypatch.setenv("HF_TOKEN", OWN)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"wrong key {SECRET}!", "wrong key ***!"),
        (f"token {OWN}", "token ***"),
        (f"token {TOKEN}", "token ***"),
        ("key sk-proj-0123456789abcdef0123", "key ***"),
        ("Authorization: Bearer abc.def-ghi", "Authorization: Bearer ***"),
        ("https://user:password@host/v1", "https://***@host/v1"),
        ("https://token@host/v1?x=1", "https://***@host/v1?x=1"),
        ("mail a@b.org, see https://host/a@b", "mail a@b.org, see https://host/a@b"),
        ("task sk-learn, hf_home, 3 @ 4", "task sk-learn, hf_home, 3 @ 4"),
    ],
)
def test_what_is_hidden_and_what_is_not(text: str, said: str) -> None:
    assert redact(text) == said


def test_short_values_of_variables_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "a")
    assert redact("a task") == "a task"


def test_messages_are_short_and_plain() -> None:
    assert shown("a\x1b[31m\nb\u202ec") == "a\\x1b[31m\\nb\\u202ec"
    assert len(shown("x" * 10**6)) <= MOST_LETTERS
    assert shown("head" + "x" * 10**4 + "tail").endswith("tail")


def test_tracebacks_in_logs(caplog: pytest.LogCaptureFixture) -> None:
    formatter = RedactingFormatter("%(message)s")
    try:
        raise ValueError(f"refused {SECRET} at https://a:b@host")
    except ValueError:
        logging.getLogger("x").exception("call with %s", TOKEN)
    line = formatter.format(caplog.records[-1])
    assert "Traceback" in line
    assert SECRET not in line
    assert TOKEN not in line
    assert "a:b@" not in line


def test_a_failure_that_repeats_a_secret_is_stored_without_it(tmp_path: Path) -> None:
    checkpoint = resolve("demo:minilm", cache=tmp_path / "cache")
    task = Registry.load().task("smoke-sts")
    signature = Signature(
        task=task.name, task_hash=task.hash, world=kind_of(task).world, harness="h", engine="e",
        device="cpu", dtype="float32",
    )  # fmt: skip
    reason = f"401 for {SECRET}, {OWN}, {TOKEN} at https://user:password@host"
    store = Store(tmp_path / "store")
    for make in (failed_record, skipped_record):
        record = make(checkpoint, task, signature, reason)
        assert record.created <= datetime.now(UTC)
        text = store.put(record).read_text()
        for secret in (SECRET, OWN, TOKEN, "password"):
            assert secret not in text


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
def test_a_judge_that_echoes_the_key(status: int, tmp_path: Path) -> None:
    echo = json.dumps({"error": {"message": f"wrong key {SECRET}, Bearer {SECRET}"}})
    with serving(always=(status, echo)) as server:
        judge = EndpointJudge(Judge(model="m", url=server.url), load_prompt())
        with ResponseLog(tmp_path / "log") as log:
            try:
                told = str(judge.ask([(("user", "hi"),)], log, lambda *_: None))
            except EngineError as error:
                told = f"{error.advice} {error!r}"
    assert server.keys[0] == f"Bearer {SECRET}"
    assert SECRET not in told
    assert not any(SECRET in p.read_text() for p in tmp_path.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--ckpt", "https://user:password@host/org/model"],
        ["run", "--ckpt", TOKEN],
        ["run", "--ckpt", "demo:minilm", "--tasks", SECRET],
        ["run", "--ckpt", "demo:minilm", "--judge", "m", "--judge-url", "http://u:password@h/v1"],
        ["table", "--out", f"/none/{SECRET}"],
        ["--debug-", SECRET],
        ["--debug", "run", "--ckpt", TOKEN],
        ["--debug", "run", "--ckpt", "demo:minilm", "--tasks", SECRET],
        ["--debug", "table", "--out", f"/none/{SECRET}"],
    ],
)
def test_the_command_line_repeats_no_secret(arguments: list[str], tmp_path: Path) -> None:
    environment = {"HF_HUB_OFFLINE": "1", "EVALSUITE_CACHE": str(tmp_path / "cache")}
    done = command(*arguments, cwd=tmp_path, **environment)
    assert done.returncode not in (0, 70)
    assert ("Traceback" in done.stderr) == ("--debug" in arguments)
    for secret in (SECRET, TOKEN, "password"):
        assert secret not in done.stderr + done.stdout


UNCAUGHT = f"""
import threading
from evalsuite.run.workers.process import configure_logging

def fail():
    raise ValueError("refused {SECRET}, {OWN}, {TOKEN} at https://user:password@host")

configure_logging()
thread = threading.Thread(target=fail)
thread.start()
thread.join()
fail()
"""


def test_what_nobody_catches_in_the_processes_of_a_run() -> None:
    done = subprocess.run(
        [sys.executable, "-c", UNCAUGHT], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.count("ValueError: refused ***") == 2
    for secret in (SECRET, OWN, TOKEN, "password"):
        assert secret not in done.stderr
