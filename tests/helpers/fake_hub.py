"""A hub on the loopback: as much of its interface as fetching data sets uses, and its moods."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

Files = dict[str, bytes]


@dataclass
class Hub:
    """Data sets by name and commit, and what goes wrong next."""

    repos: dict[tuple[str, str], Files]
    url: str = ""
    requests: list[tuple[str, str]] = field(default_factory=list)
    """Method and path of everything that was asked."""
    moods: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Status and headers of the next answers, before all is well again."""
    silent: int = 0
    """How many of the next requests get no answer at all; the connection stays open."""
    cut_once: set[str] = field(default_factory=set)
    """Paths whose next full answer breaks off in the middle."""
    ranges: list[str] = field(default_factory=list)
    stalled: str | None = None
    """A path whose body does not come until ``released``."""
    released: threading.Event = field(default_factory=threading.Event)
    refused: dict[str, int] = field(default_factory=dict)
    """Data set → the status that it always gets."""
    tokens: list[str | None] = field(default_factory=list)

    def gets(self) -> list[str]:
        """Paths of the files that were asked for."""
        return [path for method, path in self.requests if method == "GET" and "/resolve/" in path]


@contextmanager
def serving(hub: Hub) -> Iterator[Hub]:
    """Serve until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:  # noqa: C901 - one answer after the other
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self._answer(body=False)

        def do_GET(self) -> None:
            self._answer(body=True)

        def _answer(self, *, body: bool) -> None:
            path = unquote(self.path.partition("?")[0])
            hub.requests.append((self.command, path))
            hub.tokens.append(self.headers.get("Authorization"))
            if hub.silent:
                hub.silent -= 1
                hub.released.wait(60)
                self.close_connection = True
            elif hub.moods and "datasets/" in path:
                status, headers = hub.moods.pop(0)
                self._send(status, headers, b"{}", body=body)
            elif path.startswith("/api/datasets/"):
                self._about(path.removeprefix("/api/datasets/"), body=body)
            elif path.startswith("/datasets/"):
                self._file(path.removeprefix("/datasets/"), body=body)
            else:
                self._send(404, {}, b"{}", body=body)

        def _about(self, rest: str, *, body: bool) -> None:
            name, _, revision = rest.partition("/revision/")
            if status := hub.refused.get(name):
                code = {404: "RepoNotFound", 403: "GatedRepo"}.get(status, "")
                self._send(status, {"X-Error-Code": code}, b"{}", body=body)
                return
            files = hub.repos.get((name, revision))
            if files is None:
                known = any(repo == name for repo, _ in hub.repos)
                code = "RevisionNotFound" if known else "RepoNotFound"
                self._send(404, {"X-Error-Code": code}, b"{}", body=body)
                return
            about = {
                "id": name,
                "sha": revision,
                "cardData": {"license": "cc-by-4.0"},
                "siblings": [
                    {"rfilename": path, "size": len(content)} for path, content in files.items()
                ],
            }
            headers = {"Content-Type": "application/json"}
            self._send(200, headers, json.dumps(about).encode(), body=body)

        def _file(self, rest: str, *, body: bool) -> None:
            name, _, tail = rest.partition("/resolve/")
            revision, _, path = tail.partition("/")
            content = hub.repos.get((name, revision), {}).get(path)
            if content is None:
                self._send(404, {"X-Error-Code": "EntryNotFound"}, b"{}", body=body)
                return
            headers = {
                "X-Repo-Commit": revision,
                "ETag": f'"{hashlib.sha1(content).hexdigest()}"',
                "Accept-Ranges": "bytes",
            }
            if asked := self.headers.get("Range"):
                start = int(asked.removeprefix("bytes=").partition("-")[0])
                if body:
                    hub.ranges.append(asked)
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self._send(206, headers, content[start:], body=body)
            elif body and path == hub.stalled:
                self._send(200, headers, content, body=True, stop_at=0)
                hub.released.wait(60)
            elif body and path in hub.cut_once:
                hub.cut_once.discard(path)
                self._send(200, headers, content, body=True, stop_at=len(content) // 2)
            else:
                self._send(200, headers, content, body=body)

        def _send(
            self,
            status: int,
            headers: dict[str, str],
            content: bytes,
            *,
            body: bool,
            stop_at: int | None = None,
        ) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if body:
                self.wfile.write(content[:stop_at])
            if stop_at is not None:
                self.wfile.flush()
                self.close_connection = True

    return Handler
