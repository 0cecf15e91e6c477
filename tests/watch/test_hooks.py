"""Hooks get the event; one that fails or hangs is noted, and the next one is called."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from evalsuite.errors import UsageError
from evalsuite.watch.hooks import CommandHook, WebHook, tell_all

EVENT = {"name": "run-checkpoint-5", "step": 5, "verdict": "regression", "line": "REGRESSION"}
posted: list[dict[str, object]] = []


class Receiver(BaseHTTPRequestHandler):
    """Keeps what is posted; refuses ``/refuse``, and never ends an answer to ``/drip``."""

    def do_POST(self) -> None:
        posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        if self.path == "/drip":
            for _ in range(40):
                self.wfile.write(b"H")
                time.sleep(0.1)
            return
        self.send_response(500 if self.path.startswith("/refuse") else 204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def address() -> Iterator[str]:
    posted.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def told(*hooks: CommandHook | WebHook, seconds: float = 20) -> list[str]:
    notes: list[str] = []
    tell_all(hooks, EVENT, notes.append, seconds)
    return notes


def test_a_command_gets_json_and_variables(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    command = f'cat > {seen}; echo " $EVALSUITE_STEP $EVALSUITE_VERDICT" >> {seen}'
    assert told(CommandHook(command)) == []
    plain, _, rest = seen.read_text().rpartition("}")
    assert json.loads(plain + "}") == EVENT
    assert rest.split() == ["5", "regression"]


def test_an_address_gets_json(address: str) -> None:
    assert told(WebHook(address + "/ok")) == []
    assert posted == [EVENT]


def test_what_fails_is_a_line_and_the_next_one_is_called(address: str, tmp_path: Path) -> None:
    last = tmp_path / "last"
    notes = told(
        CommandHook("echo no such channel >&2; exit 3"),
        WebHook(address + "/refuse?token=secret"),
        WebHook("http://127.0.0.1:9/secret"),
        CommandHook(f"touch {last}"),
    )
    assert len(notes) == 3
    assert "exit code 3: no such channel" in notes[0]
    assert "500" in notes[1]
    assert all("the watch goes on" in note and "\n" not in note for note in notes)
    assert not any("secret" in note for note in notes)
    assert last.exists()


@pytest.mark.parametrize("command", ["sleep 60", "sleep 60 & sleep 60"])
def test_a_command_that_hangs_is_ended(command: str) -> None:
    started = time.monotonic()
    (note,) = told(CommandHook(command), seconds=0.2)
    assert "did not end in 0.2 s" in note
    assert time.monotonic() - started < 10


def test_a_server_that_never_ends_its_answer(address: str) -> None:
    started = time.monotonic()
    (note,) = told(WebHook(address + "/drip"), seconds=0.5)
    assert "the webhook at 127.0.0.1 failed" in note
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("url", ["hooks.example.org", "file:///etc/passwd", "http://"])
def test_no_address(url: str) -> None:
    with pytest.raises(UsageError, match="http"):
        WebHook(url)
