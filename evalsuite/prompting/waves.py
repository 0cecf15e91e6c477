"""Requests go to an engine in bounded waves; each answer is logged soon after its end."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import takewhile
from typing import Any

from evalsuite.engines.protocols import (
    Completion,
    GenerationRequest,
    Generator,
    ScoreRequest,
)
from evalsuite.errors import EngineError
from evalsuite.prompting.response_log import Response, ResponseLog

SCORE_WAVE_TOKENS = {"cpu": 32_768, "cuda": 262_144}
"""Device → tokens to compute for one wave of scoring requests: a minute on two cores. A GPU takes
16,384 a step, and runs empty at each wave's end."""

SCORE_WAVE_HELD = 1 << 20
"""Tokens of one wave of scoring requests in all, which are sent to the engine at once."""

SECONDS_BETWEEN_WRITES = 1.0
"""A kill costs the answers that ended in this time, and those that were being generated."""

Request = GenerationRequest | ScoreRequest
Progress = Callable[[int, int], None]
"""Called with the number of finished requests and of all requests."""

_Write = Callable[[list[tuple[str, Response]]], None]


class LoggedEngine:
    """An engine that is asked only for what a response log does not hold yet.

    Args:
        generator: The engine.
        log: Where answers are kept and found again.
        progress: Called with ``(done, total)`` at the start and whenever answers were logged.
        device: Where the engine runs.
        shared: Whether it computes what requests begin with in common once.
    """

    def __init__(
        self,
        generator: Generator,
        log: ResponseLog,
        progress: Progress | None = None,
        device: str = "cpu",
        shared: bool = False,
    ) -> None:
        self._generator = generator
        self._score_tokens = SCORE_WAVE_TOKENS[device]
        self._shared = shared
        self._log = log
        self._progress = progress
        self.seconds = 0.0
        """Time spent inside the engine."""

    def answers(self, requests: Sequence[Request], keys: Sequence[str]) -> list[Response]:
        """Answer requests, wave by wave.

        Args:
            requests: All of one sort.
            keys: The key of each request; requests with equal keys are asked once.

        Returns:
            The answers, in the order of ``requests``.

        Raises:
            EngineError: If the engine fails, or leaves a request without an answer.
        """
        log, shares, total = self._log, Counter(keys), len(keys)
        unanswered = {
            key: request
            for key, request in zip(keys, requests, strict=True)
            if log.get(key) is None
        }
        done = total - sum(shares[key] for key in unanswered)
        self._report(done, total)

        def write(answers: list[tuple[str, Response]]) -> None:
            nonlocal done
            log.append(answers)
            done += sum(shares[key] for key, _ in answers)
            self._report(done, total)

        for wave in waves(
            unanswered.items(), self._generator.wave, self._score_tokens, shared=self._shared
        ):
            started = time.perf_counter()
            self._ask(wave, write)
            self.seconds += time.perf_counter() - started
        found = [answer for key in keys if (answer := log.get(key)) is not None]
        if len(found) < total:
            raise EngineError(
                f"{total - len(found)} of {total} requests got no answer", "run again"
            )
        return found

    def _ask(self, wave: list[tuple[str, Request]], write: _Write) -> None:
        """Have a wave answered; generated answers are logged while others are still running."""
        keys = [key for key, _ in wave]
        scoring = [request for _, request in wave if isinstance(request, ScoreRequest)]
        if scoring:
            write(list(zip(keys, self._generator.score(scoring), strict=True)))
            return
        ended: list[tuple[str, Response]] = []
        written = time.perf_counter()

        def note(index: int, answer: Completion) -> None:
            nonlocal written
            ended.append((keys[index], answer))
            if time.perf_counter() - written >= SECONDS_BETWEEN_WRITES:
                write(list(ended))
                ended.clear()
                written = time.perf_counter()

        self._generator.generate([r for _, r in wave if isinstance(r, GenerationRequest)], note)
        write(ended)

    def _report(self, done: int, total: int) -> None:
        if self._progress is not None and total:
            self._progress(done, total)


def waves(
    requests: Iterable[tuple[str, Request]], most: int, tokens: int, *, shared: bool = False
) -> Iterator[list[tuple[str, Request]]]:
    """Split requests into waves of similar length, longest first.

    Longest first: if anything does not fit into memory, it fails at once. Requests with equal
    contexts stay together, so that one forward pass can answer them.

    Args:
        requests: Keys and requests, all of one sort.
        most: Generation requests in a wave.
        tokens: Tokens of the scoring requests in a wave that have to be computed.
        shared: Whether the engine computes what requests begin with in common once.
    """
    wave: list[tuple[str, Request]] = []
    computed = held = 0
    for key, request in sorted(requests, key=lambda item: _order(item[1])):
        before = wave[-1][1] if wave else None
        length, new = _sizes(request, before if shared else None)
        full = len(wave) >= most
        if isinstance(request, ScoreRequest):
            full = computed + new > tokens or held + length > SCORE_WAVE_HELD
        if before and full and not _same_context(request, before):
            yield wave
            wave, computed, held, new = [], 0, 0, length
        wave.append((key, request))
        computed += new
        held += length
    if wave:
        yield wave


def _sizes(request: Request, before: Request | None) -> tuple[int, int]:
    """Tokens of a scoring request, and those that the request before does not begin with too."""
    if not isinstance(request, ScoreRequest):
        return 0, 0
    length = len(request.context_ids) + len(request.continuation_ids)
    if not isinstance(before, ScoreRequest):
        return length, length
    pairs = zip(request.context_ids, before.context_ids, strict=False)
    return length, length - sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _same_context(request: Request, before: Request) -> bool:
    return (
        isinstance(request, ScoreRequest)
        and isinstance(before, ScoreRequest)
        and request.context_ids == before.context_ids
    )


def _order(request: Request) -> tuple[Any, ...]:
    if isinstance(request, ScoreRequest):
        return (-len(request.context_ids), request.context_ids, request.continuation_ids)
    return (-len(request.prompt_ids), request.prompt_ids, request.seed or 0)
