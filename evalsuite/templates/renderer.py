"""Renders templates of other people in a process with limits on time and memory.

Each :class:`Renderer` starts its own process (:mod:`evalsuite.templates.render_process`). A thread
would not do: Python can neither interrupt a regular expression that takes for ever, nor take back
memory.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self

from evalsuite.errors import EngineError

MAX_SECONDS: Final = 5.0
"""Processor time for one template and one row."""
SECONDS_PER_TEXT: Final = 0.01
"""All texts together may take :data:`MAX_SECONDS` and this much more for each of them."""
MAX_MEMORY: Final = 1 << 30
"""Bytes of address space of the process."""
MAX_CHARACTERS: Final = 1 << 28
"""Characters of all texts of a task."""
SILENCE_SECONDS: Final = 120.0
"""How long the process may take to answer on a very busy machine, its start included."""

_BATCH_ROWS: Final = 100
_BATCH_CHARACTERS: Final = 1 << 20
_NO_END: Final = "it does not come to an end"


class BadTemplateError(Exception):
    """A template that is not valid, or cannot be rendered with a row.

    Attributes:
        key: Which template.
        row: The row's number (from 1); ``None`` for all.
        why: The reason, in one line.
    """

    def __init__(self, key: str, row: int | None, why: str) -> None:
        super().__init__(why)
        self.key, self.row, self.why = key, row, why


class Renderer:
    """Renders a set of templates with one row after the other.

    Args:
        templates: Key → source of the template.

    Raises:
        BadTemplateError: If a source is not a valid template, or uses what is not allowed.
        EngineError: If the process does not start.
    """

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._keys = tuple(templates)
        self._lines: deque[bytes] = deque()
        self._rest: list[bytes] = []
        # The environment holds secrets; only what Python may need to find its files is passed on.
        kept = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "evalsuite.templates.render_process", str(MAX_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in kept if name in os.environ},
        )
        self._finish = weakref.finalize(self, _kill, self._process)
        ready = self._read_line()
        if ready is None:
            code = self.close()
            raise EngineError(
                f"the process that renders templates does not start (exit code {code})",
                "free some memory, and run the same command again",
            )
        self._used = float(json.loads(ready)[2])
        self._limit = self._used + MAX_SECONDS
        jobs = [("compile", key, source) for key, source in templates.items()]
        for key, (good, text) in zip(self._keys, self._answers(jobs), strict=True):
            if not good:
                self.close()
                raise BadTemplateError(key, None, text)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> int | None:
        """End the process.

        Returns:
            Its exit code, if it had already ended.
        """
        code = self._process.poll()
        self._finish()
        return code

    def text(self, key: str, values: Mapping[str, Any]) -> str:
        """Render one template.

        Raises:
            BadTemplateError: If it cannot be rendered with the values, or exceeds a limit.
        """
        ((good, text),) = self._answers([("render", key, dict(values))])
        if not good:
            raise BadTemplateError(key, None, text)
        return text

    def texts(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
        """Render all templates with each row.

        Yields:
            Key → text, for one row after the other.

        Raises:
            BadTemplateError: For the first that cannot be rendered, or exceeds a limit.
        """
        number = 0
        for some in _batches(rows):
            jobs = [("render", key, row) for row in some for key in self._keys]
            answers = self._answers(jobs)
            for _ in some:
                number += 1
                found = {}
                for key in self._keys:
                    good, text = next(answers)
                    if not good:
                        raise BadTemplateError(key, number, text)
                    found[key] = text
                yield found

    def _answers(self, jobs: Sequence[tuple[str, str, Any]]) -> Iterator[tuple[bool, str]]:
        """Yield success and text (or reason) of each job; may end after the first failure."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # the process has ended; the answers say why
            pickle.dump([pickle.dumps(job) for job in jobs], self._process.stdin)
            self._process.stdin.flush()
        for _ in jobs:
            self._limit += SECONDS_PER_TEXT
            line = self._read_line()
            if line is None:
                yield False, self._why_it_ended()
                return
            good, text, self._used = json.loads(line)
            if self._used > self._limit:
                self.close()
                yield False, _NO_END
                return
            yield bool(good), str(text)

    def _read_line(self) -> bytes | None:
        """The next line of output; ``None`` if none comes, or the process has ended."""
        assert self._process.stdout is not None
        handle = self._process.stdout.fileno()
        while not self._lines:
            if not select.select([handle], [], [], SILENCE_SECONDS)[0]:
                return None
            piece = os.read(handle, 1 << 20)
            if not piece:
                return None
            self._rest.append(piece)
            if b"\n" in piece:
                *lines, rest = b"".join(self._rest).split(b"\n")
                self._lines.extend(lines)
                self._rest = [rest]
        return self._lines.popleft()

    def _why_it_ended(self) -> str:
        """End the process, and say which limit it exceeded."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)  # its output ends a moment before it does
        code = self.close()
        if code is None or code == -signal.SIGPROF:
            return _NO_END
        return "it needs too much memory"


def _batches(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows in batches, so that they are sent neither one by one nor all at once."""
    piece: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        piece.append(dict(row))
        size += len(str(row))
        if len(piece) >= _BATCH_ROWS or size >= _BATCH_CHARACTERS:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not sent yet
                pipe.close()
    process.wait()
