"""What a model has answered so far: an append-only file that survives a kill."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from evalsuite.engines.protocols import Completion, GenerationRequest, Score, ScoreRequest
from evalsuite.errors import StoreError
from evalsuite.schema import digest

FILE_NAME = "responses.jsonl"
CHECK_DIGITS = 16

Response = Completion | Score


def request_key(request: GenerationRequest | ScoreRequest, repeat: int = 0) -> str:
    """A request's name in the log: a hash of all that its answer depends on, except the model.

    Args:
        request: The request.
        repeat: Number of equal requests before it, if each is to have an answer of its own.

    Returns:
        64 hex digits.
    """
    if isinstance(request, ScoreRequest):
        return digest(["score", request.context_ids, request.continuation_ids])
    settings = (request.max_tokens, request.stop, request.temperature, request.top_p)
    rest = (request.top_k, request.seed, repeat)
    return digest(["generate", request.prompt_ids, *settings, *rest])


class ResponseLog:
    """Answers by request key, one line of JSON each, in the order in which they came.

    A wave of answers is on the disk when :meth:`append` returns. On opening, a torn last line
    (the trace of a kill) is cut off, and a line that does not match its checksum is ignored:
    its request is asked again.

    Args:
        path: The file; made if absent.

    Raises:
        StoreError: If the file cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._answers: dict[str, Response] = {}
        self.damaged = 0
        """Lines that were ignored on opening."""
        try:
            self._recover()
            self._stream = path.open("ab")
        except OSError as error:
            raise StoreError(f"cannot use {path}: {error.strerror}") from error

    def _recover(self) -> None:
        if not self._path.exists():
            return
        content = self._path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            with self._path.open("rb+") as stream:
                stream.truncate(whole)
                os.fsync(stream.fileno())
        for line in content[:whole].splitlines():
            entry = _parse(line)
            if entry is None:
                self.damaged += 1
            else:
                self._answers[entry[0]] = entry[1]

    def __len__(self) -> int:
        return len(self._answers)

    def get(self, key: str) -> Response | None:
        """The answer to a request, if there is one."""
        return self._answers.get(key)

    def append(self, answers: Sequence[tuple[str, Response]]) -> None:
        """Write a finished wave and wait until it is on the disk.

        Args:
            answers: Pairs of request key and answer.
        """
        try:
            self._stream.write(b"".join(_line(key, answer) for key, answer in answers))
            self._stream.flush()
            os.fsync(self._stream.fileno())
        except OSError as error:
            raise StoreError(f"cannot write {self._path}: {error.strerror}") from error
        self._answers.update(answers)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _line(key: str, answer: Response) -> bytes:
    if isinstance(answer, Score):
        body: dict[str, Any] = {"logprob": answer.logprob, "greedy": answer.greedy}
    else:
        body = {"text": answer.text, "tokens": answer.tokens, "finish": answer.finish}
    entry = {"key": key, **body, "check": _checksum(key, body)}
    # Lone surrogates, which a tokenizer may give, survive as ASCII escapes.
    return json.dumps(entry).encode("ascii") + b"\n"


def _parse(line: bytes) -> tuple[str, Response] | None:
    try:
        entry = json.loads(line)
        key, check = str(entry.pop("key")), entry.pop("check")
        if check != _checksum(key, entry):
            return None
        return key, Score(**entry) if "logprob" in entry else Completion(**entry)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _checksum(key: str, body: Mapping[str, Any]) -> str:
    content = json.dumps([key, body], sort_keys=True).encode("ascii")
    return hashlib.sha256(content).hexdigest()[:CHECK_DIGITS]
