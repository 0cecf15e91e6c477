"""Who compares answers: what a person chose, and what a judge is asked and can reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Protocol, Self
from urllib.parse import urlsplit

from pydantic import model_validator

from evalsuite.errors import UsageError
from evalsuite.options import Option
from evalsuite.prompting.response_log import ResponseLog
from evalsuite.schema import Frozen

NEEDED = "needs a judge: --judge MODEL --judge-url URL, or --judge CKPT"
"""Why a judged task is skipped without one."""

Messages = tuple[tuple[str, str], ...]
"""Role and content of each message."""


class Judge(Frozen):
    """The judge that a person chose; an endpoint's key comes from the environment alone.

    Raises:
        UsageError: If the address is not valid, or carries a secret.
    """

    model: Annotated[
        str,
        Option("Judge of AlpacaEval: a model at --judge-url, or a checkpoint.", name="judge"),
    ]
    """Model name at the endpoint; without ``url``, a checkpoint as after ``--ckpt``."""
    url: Annotated[
        str | None,
        Option("OpenAI-compatible endpoint; the key: EVALSUITE_JUDGE_KEY.", name="judge_url"),
    ] = None
    """Base address of an OpenAI-compatible endpoint, for example ``https://host/v1``."""
    order: Annotated[
        Literal["random", "both"],
        Option(
            "Order in which the judge sees two answers; random if not given.", name="judge_order"
        ),
    ] = "random"
    """Which answer is shown first: drawn for each instruction by the run's seed, or each once
    (two judgements a sample, averaged)."""

    @property
    def host(self) -> str:
        """Host of the endpoint."""
        return urlsplit(self.url or "").hostname or ""

    @model_validator(mode="before")
    @classmethod
    def _has_model(cls, given: Any) -> Any:
        if isinstance(given, dict) and "model" not in given:
            if "url" in given:
                raise UsageError("--judge-url without --judge", "add --judge MODEL: one it serves")
            if "order" in given:
                hint = "add --judge MODEL, or leave it out"
                raise UsageError("--judge-order without --judge", hint)
        return given

    @model_validator(mode="after")
    def _plain_address(self) -> Self:
        if not self.model.strip():
            raise UsageError("--judge names no model", "give a model's name or a checkpoint")
        if self.url is None:
            return self
        hint = "for example https://api.openai.com/v1; the key goes into EVALSUITE_JUDGE_KEY"
        try:
            parts = urlsplit(self.url)
            host, _ = parts.hostname, parts.port
        except ValueError:
            raise UsageError("--judge-url is not a valid URL", hint) from None
        if parts.scheme not in ("http", "https") or not host:
            raise UsageError("--judge-url is not an http or https URL", hint)
        if "@" in parts.netloc or parts.query or parts.fragment:
            # Not repeated in the message: it may hold a secret.
            raise UsageError("--judge-url has more than scheme, host, port and path", hint)
        return self


@dataclass(frozen=True, slots=True)
class Reply:
    """A judge's answer to one prompt: either ``text``, or the ``problem`` that kept it away."""

    text: str | None = None
    problem: str | None = None


class JudgeEngine(Protocol):
    """Answers the prompts of a judged task."""

    @property
    def version(self) -> str:
        """What runs the judge, for people."""

    def ask(
        self, prompts: Sequence[Messages], log: ResponseLog, progress: Callable[[int, int], None]
    ) -> list[Reply]:
        """Ask what has no answer in the log yet.

        Args:
            prompts: One conversation a judgement.
            log: Where replies are kept as they come.
            progress: Called with ``(done, total)``.

        Returns:
            The replies, in the order of ``prompts``.

        Raises:
            EngineError: If the judge cannot be reached or refuses to work at all.
        """

    def show(self, prompt: Messages) -> tuple[str, tuple[int, ...]]:
        """A prompt as the judge gets it, and its first token ids where they are known."""

    def close(self) -> None:
        """Free what it holds."""
