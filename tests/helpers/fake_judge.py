"""An OpenAI-compatible endpoint on the loopback that ranks two answers by a rule."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SECRET = "sk-very-secret-0123456789"

ANSWERS = re.compile(r'"answer": """(.*?)"""', re.DOTALL)

Rule = Callable[[str, str], str]


def ranking(first: int, second: int) -> str:
    return f"[{{'model': 'model_1', 'rank': {first}}}, {{'model': 'model_2', 'rank': {second}}}]"


def longer(first: str, second: str) -> str:
    """The longer answer wins."""
    return ranking(1, 2) if len(first) > len(second) else ranking(2, 1)


@dataclass
class FakeJudge:
    """What the endpoint does, and what it has been asked."""

    rule: Rule = longer
    failures: list[tuple[int, str]] = field(default_factory=list)
    """Status and body of the next answers; rules come after them."""
    always: tuple[int, str] | None = None
    content_type: str = "application/json"
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    url: str = ""

    def reply(self, request: dict[str, Any], key: str) -> tuple[int, str]:
        self.requests.append(request)
        self.keys.append(key)
        if self.always:
            return self.always
        if self.failures:
            return self.failures.pop(0)
        first, second = ANSWERS.findall(request["messages"][1]["content"])
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": self.rule(first, second)},
        }
        body = {
            "id": "1",
            "object": "chat.completion",
            "created": 0,
            "model": request["model"],
            "choices": [choice],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        }
        return 200, json.dumps(body)


@contextmanager
def serving(**settings: Any) -> Iterator[FakeJudge]:
    """Serve on a free port."""
    judge = FakeJudge(**settings)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with lock:
                status, body = judge.reply(request, self.headers["Authorization"] or "")
            self.send_response(status)
            self.send_header("Content-Type", judge.content_type)
            self.send_header("retry-after-ms", "10")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    judge.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield judge
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
