"""Templates that somebody else wrote, rendered where they can be ended.

Each set of templates has a process of its own (:mod:`evalsuite.templates.process`): a regular
expression that goes astray cannot be interrupted from within Python, nor can memory be taken back.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import signal
import subprocess
import sys
import time
import weakref
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, Self

from evalsuite.errors import EngineError

MOST_SECONDS: Final = 5.0
"""For one template and one row."""
SECONDS_A_TEXT: Final = 0.01
"""What each further text adds to the :data:`MOST_SECONDS` that all may take together."""
MOST_MEMORY: Final = 1 << 30
"""Bytes of address space."""
MOST_IN_ALL: Final = 1 << 28
"""Characters of all texts that are kept."""
START: Final = 120.0
"""Seconds until the process is there, on a very busy machine."""

_ROWS: Final = 100
_BYTES: Final = 1 << 20
_NO_END: Final = "it does not come to an end"


class BadTemplateError(Exception):
    """A template that is wrong, or does not fit a row.

    Attributes:
        key: Which template.
        row: The row's number (from 1); ``None`` for all.
        why: What is wrong, in one line.
    """

    def __init__(self, key: str, row: int | None, why: str) -> None:
        super().__init__(why)
        self.key, self.row, self.why = key, row, why


class Renderer:
    """Renders templates with one row after the other.

    Args:
        templates: Key → template.

    Raises:
        BadTemplateError: If one is not valid, or uses what templates may not.
    """

    def __init__(self, templates: Mapping[str, str]) -> None:
        self._keys = tuple(templates)
        self._spent = 0.0
        self._allowed = MOST_SECONDS
        self._lines: deque[bytes] = deque()
        self._rest: list[bytes] = []
        # The environment holds secrets; only what Python may need to find its files is passed on.
        kept = ("PATH", "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH")
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "evalsuite.templates.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={name: os.environ[name] for name in kept if name in os.environ},
        )
        self._finish = weakref.finalize(self, _end, self._process)
        if self._line(START) is None:
            code = self.close()
            raise EngineError(
                f"the process that renders templates does not start (exit code {code})",
                "free some memory, and run the same command again",
            )
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
            BadTemplateError: If it does not fit the values, or does not end.
        """
        ((good, text),) = self._answers([("render", key, dict(values))])
        if not good:
            raise BadTemplateError(key, None, text)
        return text

    def texts(self, rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
        """Render all templates with each row: key → text, row for row.

        Raises:
            BadTemplateError: For the first that does not fit, or does not end.
        """
        number = 0
        for some in _in_pieces(rows):
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
        """What the process says to each job; after the first bad answer it may say no more."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended, and the answers say how
            pickle.dump([pickle.dumps(job) for job in jobs], self._process.stdin)
            self._process.stdin.flush()
        for _ in jobs:
            self._allowed += SECONDS_A_TEXT
            line = self._line(self._allowed - self._spent)
            if line is None:
                yield False, self._last_words()
                return
            good, text = json.loads(line)
            yield bool(good), str(text)

    def _line(self, seconds: float) -> bytes | None:
        """The next line, or ``None`` where none comes in time, or the process has ended."""
        assert self._process.stdout is not None
        started, handle = time.monotonic(), self._process.stdout.fileno()
        while not self._lines:
            left = seconds - (time.monotonic() - started)
            if left <= 0 or not select.select([handle], [], [], left)[0]:
                return None
            piece = os.read(handle, 1 << 20)
            if not piece:
                return None
            self._rest.append(piece)
            if b"\n" in piece:
                *lines, rest = b"".join(self._rest).split(b"\n")
                self._lines.extend(lines)
                self._rest = [rest]
        self._spent += time.monotonic() - started
        return self._lines.popleft()

    def _last_words(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.2)  # where its output has ended, so will it
        code = self.close()
        if code is None or code == -signal.SIGALRM:
            return _NO_END
        return "it needs too much memory"


def first_problem(
    templates: Mapping[str, str], rows: Iterable[Mapping[str, Any]]
) -> BadTemplateError | None:
    """The first template that is wrong, or does not fit a row.

    Args:
        templates: Key of the task file → template.
        rows: What they are rendered with.
    """
    try:
        with Renderer(templates) as renderer:
            for _ in renderer.texts(rows):
                pass
    except BadTemplateError as problem:
        return problem
    return None


def _in_pieces(rows: Iterable[Mapping[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Rows in pieces of some size, so that they are neither sent singly nor all at once."""
    piece: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        piece.append(dict(row))
        size += len(str(row))
        if len(piece) >= _ROWS or size >= _BYTES:
            yield piece
            piece, size = [], 0
    if piece:
        yield piece


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):  # what was not sent yet
                pipe.close()
    process.wait()
