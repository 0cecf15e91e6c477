"""An engine in another process: its stand-in for a harness, and the messages between the two.

Each harness runs in a process of its own, so that it can score and make prompts while the engine
is busy with another task. Both ends are processes of evalsuite; messages are pickled. The engine
answers the calls of one harness in the order in which they were sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from evalsuite.engines.protocols import (
    Completion,
    Ended,
    GenerationRequest,
    Progress,
    Rendered,
    Score,
    ScoreRequest,
    Vectors,
)

Kind = Literal["encode", "render", "generate", "score", "details"]


class Channel(Protocol):
    """One end of a two-way connection, such as ``multiprocessing.connection.Connection``."""

    def send(self, message: Any, /) -> None:
        """Send an object."""

    def recv(self) -> Any:
        """Wait for an object.

        Raises:
            EOFError: If the other end is gone.
        """


@dataclass(frozen=True, slots=True)
class Ask:
    """A call of the engine."""

    number: int
    """Counts the calls of one harness process."""
    kind: Kind
    arguments: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class PartialResult:
    """Progress of a call that has not ended."""

    number: int
    news: Any
    """Arguments of each call of the engine's progress callback."""


@dataclass(frozen=True, slots=True)
class CallResult:
    """A call's result."""

    number: int
    result: Any
    seconds: float
    """Time that the engine worked at it."""
    tokens: int = 0
    """Of the texts that were embedded; who asked for answers or scores knows them."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call's error."""

    number: int
    error: Exception


class RemoteEngine:
    """What the stand-ins of encoders and generators share.

    It can be made before the engine is loaded: the first call waits for it.

    Args:
        channel: To the engine's process. If that process has ended, this one ends too
            (``SystemExit``).
        version: Name and version of the engine.

    Attributes:
        seconds: Time that the engine has spent on the calls of this end.
        tokens_read: Tokens of the prompts and texts that it was given.
        tokens_written: Tokens of the answers that it gave.
    """

    def __init__(self, channel: Channel, version: str) -> None:
        self._channel = channel
        self._version = version
        self._asked = 0
        self.seconds = 0.0
        self.tokens_read = 0
        self.tokens_written = 0

    @property
    def version(self) -> str:
        return self._version

    def details(self) -> dict[str, str]:
        """See :class:`~evalsuite.engines.protocols.Detailed`; empty for other engines."""
        details: dict[str, str] = self._answer(self._ask("details"))
        return details

    def close(self) -> None:
        """Do nothing: the engine belongs to another process."""

    def _ask(self, kind: Kind, *arguments: Any) -> int:
        self._asked += 1
        self.send(Ask(self._asked, kind, arguments))
        return self._asked

    def send(self, message: Any) -> None:
        """Send a message that expects no reply."""
        try:
            self._channel.send(message)
        except OSError as error:
            raise SystemExit(1) from error

    def receive(self) -> Any:
        """The next message of the engine's process."""
        try:
            return self._channel.recv()
        except (EOFError, OSError) as error:
            raise SystemExit(1) from error

    def _answer(self, number: int, on_part: Callable[[Any], None] | None = None) -> Any:
        """Wait for a call's result; drop messages of calls whose result is no longer wanted."""
        while True:
            match self.receive():
                case PartialResult(number=given, news=news) if given == number:
                    if on_part is not None:
                        on_part(news)
                case CallResult(number=given, result=result, seconds=seconds, tokens=tokens):
                    self.seconds += seconds
                    self.tokens_read += tokens
                    if given == number:
                        return result
                case Failure(number=given, error=error) if given == number:
                    raise error
                case _:
                    pass


class RemoteEncoder(RemoteEngine):
    """A :class:`~evalsuite.engines.protocols.LookaheadEncoder` in another process."""

    def __init__(self, channel: Channel, version: str) -> None:
        super().__init__(channel, version)
        self._announced: deque[tuple[int, Sequence[str], str]] = deque()

    def announce(self, texts: Sequence[str], prefix: str = "") -> None:
        """Send now what a later call of :meth:`encode` will ask for.

        The engine can work on it while this process stores the vectors that it got before.
        """
        self._announced.append((self._ask("encode", texts, prefix), texts, prefix))

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Vectors:
        number = None
        while self._announced and number is None:
            given, announced, before = self._announced.popleft()
            if announced == texts and before == prefix:
                number = given

        def on_part(news: list[tuple[int]]) -> None:
            if progress is not None:
                progress(sum(texts for (texts,) in news))

        vectors: Vectors = self._answer(number or self._ask("encode", texts, prefix), on_part)
        return vectors

    def render(self, text: str, prefix: str = "") -> Rendered:
        rendered: Rendered = self._answer(self._ask("render", text, prefix))
        return rendered


class RemoteGenerator(RemoteEngine):
    """A :class:`~evalsuite.engines.protocols.Generator` in another process.

    Args:
        channel: See :class:`RemoteEngine`.
        version: Likewise.
        max_length: Context length in tokens.
        wave: See :class:`~evalsuite.engines.protocols.Generator`.
    """

    def __init__(self, channel: Channel, version: str, *, max_length: int, wave: int) -> None:
        super().__init__(channel, version)
        self._max_length = max_length
        self._wave = wave

    @property
    def max_length(self) -> int:
        return self._max_length

    @property
    def wave(self) -> int:
        return self._wave

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        def on_part(news: list[tuple[int, Completion]]) -> None:
            if ended is not None:
                for index, completion in news:
                    ended(index, completion)

        completions: list[Completion] = self._answer(self._ask("generate", requests), on_part)
        self.tokens_read += sum(len(request.prompt_ids) for request in requests)
        self.tokens_written += sum(completion.tokens for completion in completions)
        return completions

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        scores: list[Score] = self._answer(self._ask("score", requests))
        self.tokens_read += sum(len(one.context_ids + one.continuation_ids) for one in requests)
        return scores
