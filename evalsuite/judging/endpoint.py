"""A judge behind an OpenAI-compatible endpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING

from evalsuite.engines.protocols import Completion
from evalsuite.errors import EngineError
from evalsuite.judging.judge import Judge, Messages, Reply
from evalsuite.judging.prompt import JudgePrompt
from evalsuite.prompting.response_log import ResponseLog
from evalsuite.schema import digest
from evalsuite.settings import JUDGE_KEYS
from evalsuite.text import storable

if TYPE_CHECKING:
    from openai import OpenAI
    from openai.types.chat import ChatCompletion

NO_KEY = "none"
"""Sent if no key is set: local endpoints accept any."""

AT_ONCE = 8
"""Requests in flight."""

TIMEOUT_SECONDS = 60.0
RETRIES = 5
"""Of the client library, for rate limits, server errors and lost connections: with back-off
that doubles from half a second to eight, or as long as the server asks for."""

LONGEST_MESSAGE = 200
"""Characters of a server's error message that are passed on."""


Outcome = Completion | str | EngineError
"""Of one prompt: a reply, why the endpoint refuses it, or why it would refuse any other too."""


class EndpointJudge:
    """Asks a chat-completions endpoint, several prompts at once.

    The key is read from the environment when the first prompt is sent; it is in no attribute,
    record or message.

    Args:
        judge: Model and address.
        prompt: Temperature and length of the reply.
    """

    def __init__(self, judge: Judge, prompt: JudgePrompt) -> None:
        self._judge = judge
        self._prompt = prompt

    @property
    def version(self) -> str:
        return f"{self._judge.model} at {self._judge.host}"

    def ask(
        self, prompts: Sequence[Messages], log: ResponseLog, progress: Callable[[int, int], None]
    ) -> list[Reply]:
        keys = [self._key(prompt) for prompt in prompts]
        waiting = {k: p for k, p in zip(keys, prompts, strict=True) if log.get(k) is None}
        done, total = len(prompts) - len(waiting), len(prompts)
        progress(done, total)
        refused: dict[str, str] = {}
        broken: EngineError | None = None
        for key, answer in self._answers(waiting):
            if isinstance(answer, EngineError):
                # What is in flight is waited for and kept: it is paid for.
                broken = broken or answer
                continue
            if isinstance(answer, Completion):
                log.append([(key, answer)])
            else:
                refused[key] = answer
            done += 1
            progress(done, total)
        if broken is not None:
            raise broken
        return [_reply(log, key, refused) for key in keys]

    def _answers(self, waiting: Mapping[str, Messages]) -> Iterator[tuple[str, Outcome]]:
        """Outcomes as they come; after an error, only of what is in flight."""
        if not waiting:
            return
        with self._client() as client, ThreadPoolExecutor(AT_ONCE) as pool:
            asked = {pool.submit(self._one, client, prompt): key for key, prompt in waiting.items()}
            try:
                for future in as_completed(asked):
                    if future.cancelled():
                        continue
                    outcome = future.result()
                    if isinstance(outcome, EngineError):
                        _cancel(asked)
                    yield asked[future], outcome
            finally:
                _cancel(asked)

    def show(self, prompt: Messages) -> tuple[str, tuple[int, ...]]:
        return "\n".join(f"{role}: {content}" for role, content in prompt), ()

    def close(self) -> None:
        """Nothing is held between calls."""

    def _key(self, prompt: Messages) -> str:
        # Address and model are in the name of the job's folder, through its signature.
        return digest(["judge", prompt, self._prompt.max_tokens, self._prompt.temperature])

    def _client(self) -> OpenAI:
        from openai import OpenAI

        return OpenAI(
            base_url=self._judge.url,
            api_key=_secret() or NO_KEY,
            timeout=TIMEOUT_SECONDS,
            max_retries=RETRIES,
        )

    def _one(self, client: OpenAI, prompt: Messages) -> Outcome:
        """Ask for one reply; nothing that a server says about its own failure is passed on."""
        import openai
        from openai.types.chat import ChatCompletion

        messages = [{"role": role, "content": content} for role, content in prompt]
        try:
            answer: object = client.chat.completions.create(
                model=self._judge.model,
                messages=messages,  # type: ignore[arg-type]
                max_tokens=self._prompt.max_tokens,
                temperature=self._prompt.temperature,
            )
        except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
            return f"HTTP {error.status_code}: {_excerpt(error.message)}"
        except (openai.APIError, ValueError) as error:  # ValueError: the body is not JSON
            return self._failure(error)
        return _completion(answer) if isinstance(answer, ChatCompletion) else self._failure(None)

    def _failure(self, error: Exception | None) -> EngineError:
        import openai

        where = f"the judge at {self._judge.host}"
        again = "what is judged is kept: run again"
        status = error.status_code if isinstance(error, openai.APIStatusError) else None
        if status in (401, 403):
            return EngineError(
                f"{where} refuses the key (HTTP {status})", f"set {' or '.join(JUDGE_KEYS)}"
            )
        if status == 404:
            return EngineError(
                f"{where} has no model {self._judge.model!r} or no such path (HTTP 404)",
                "check --judge and --judge-url (it mostly ends in /v1)",
            )
        if status == 429:
            return EngineError(f"{where} keeps refusing more requests (HTTP 429)", again)
        if status is not None:
            return EngineError(f"{where} fails (HTTP {status})", again)
        if isinstance(error, openai.APITimeoutError):
            return EngineError(f"{where} gave no answer within {TIMEOUT_SECONDS:g} s", again)
        if isinstance(error, openai.APIConnectionError):
            return EngineError(f"{where} cannot be reached", "check --judge-url and the network")
        return EngineError(f"{where} did not return a chat completion", "check --judge-url")


def _completion(answer: ChatCompletion) -> Completion | str:
    """The text of the first choice; the client does not check what a server sends."""
    choice = answer.choices[0] if answer.choices else None
    text = choice.message.content if choice and choice.message else None
    if choice is None or not isinstance(text, str):
        return "the reply has no text"
    used = answer.usage.completion_tokens if answer.usage else 0
    return Completion(
        storable(text), used, "length" if choice.finish_reason == "length" else "stop"
    )


def _cancel(futures: Iterable[Future[Outcome]]) -> None:
    """Drop what has not been sent. A pool that is shut down would leave it without an end."""
    for future in futures:
        future.cancel()


def _reply(log: ResponseLog, key: str, refused: dict[str, str]) -> Reply:
    found = log.get(key)
    if isinstance(found, Completion):
        return Reply(text=found.text)
    return Reply(problem=refused.get(key, "no answer"))


def _secret() -> str | None:
    return next((value for name in JUDGE_KEYS if (value := os.environ.get(name, "").strip())), None)


def _excerpt(message: str) -> str:
    """A server's message in one line, without the key that it may repeat."""
    plain = " ".join(message.split())
    if secret := _secret():
        plain = plain.replace(secret, "***")
    return plain[:LONGEST_MESSAGE]
