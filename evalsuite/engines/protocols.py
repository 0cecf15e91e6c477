"""What engines can do: the protocols, and the frozen requests and answers that cross them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, TypeVar, runtime_checkable

from evalsuite.engines.call_scheduler import OngoingCall, Rank

if TYPE_CHECKING:  # the command line needs the names of devices below, but not numpy
    import numpy as np
    from numpy.typing import NDArray

    from evalsuite.engines.token_vectors import TokenVectors  # noqa: F401 - in a base class


Vectors: TypeAlias = "NDArray[np.float32]"
"""Matrix of shape ``(n, d)``."""

Progress = Callable[[int], None]
"""Called with the number of items finished since the last call."""

DType = Literal["auto", "float32", "bfloat16", "float16"]
Device = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """What the model is given for one text."""

    text: str
    """Prefix and text, as tokenised."""
    token_ids: tuple[int, ...]
    """All token ids, special tokens included."""
    pooled_from: int = 0
    """Index of the first token that enters the pooling."""


Embedded_co = TypeVar("Embedded_co", covariant=True)


class EncoderOf(Protocol[Embedded_co]):
    """Turns texts into vectors: one each, or several (:class:`TokenEncoder`)."""

    @property
    def version(self) -> str:
        """Name and version for signatures, for example ``transformers 5.19.0``."""

    def encode(
        self, texts: Sequence[str], prefix: str = "", progress: Progress | None = None
    ) -> Embedded_co:
        """Embed texts.

        Args:
            texts: ``n`` texts, in any order and of any length; may be empty strings.
            prefix: Put before each text; does not enter the pooling where the protocol
                says so.
            progress: Called with the number of texts that were finished.

        Returns:
            Finite vectors in the order of ``texts``, float32; one each has the shape ``(n, d)``.

        Raises:
            EngineError: Where the model gives NaN or infinite values.
        """

    def render(self, text: str, prefix: str = "") -> Rendered:
        """What the model is given for one text."""

    def close(self) -> None:
        """Free the model."""


@runtime_checkable
class Encoder(EncoderOf["Vectors"], Protocol):
    """Turns each text into a vector."""


class TokenEncoder(EncoderOf["TokenVectors"], Protocol):
    """Turns each text into several vectors, as late-interaction models do."""


@runtime_checkable
class LookaheadEncoder(Encoder, Protocol):
    """An encoder that can begin with the next texts before :meth:`encode` asks for them."""

    def announce(self, texts: Sequence[str], prefix: str = "") -> None:
        """Say what a later call of :meth:`encode` will ask for, with the same arguments.

        Calls of :meth:`encode` must come in the order of what was announced.
        """


@runtime_checkable
class Detailed(Protocol):
    """An engine that chooses its own way to use a GPU."""

    def details(self) -> dict[str, str]:
        """What a record of a GPU run keeps of it, such as the kernels that compute attention."""


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One prompt to continue. ``temperature=0`` is greedy."""

    prompt_ids: tuple[int, ...]
    max_tokens: int
    stop: tuple[str, ...] = ()
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    """0: no limit."""
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """Answer to a :class:`GenerationRequest`; ``text`` ends before the first stop string."""

    text: str
    tokens: int
    finish: Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """Ask for the log-likelihood of ``continuation_ids`` after ``context_ids`` (not empty)."""

    context_ids: tuple[int, ...]
    continuation_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Score:
    """Answer to a :class:`ScoreRequest`."""

    logprob: float
    """Sum over the continuation's tokens, natural logarithm."""
    greedy: bool
    """Whether each token of the continuation is the most likely one."""


Ended = Callable[[int, Completion], None]
"""Called with the index of a request and its answer."""


@runtime_checkable
class Generator(Protocol):
    """Continues and scores token sequences; keeps no state between calls."""

    @property
    def version(self) -> str:
        """Name and version for signatures, for example ``vllm 0.32.0``."""

    @property
    def max_length(self) -> int:
        """Context length in tokens, prompt and answer together."""

    @property
    def wave(self) -> int:
        """Number of requests in one call that keeps the engine busy."""

    def generate(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None
    ) -> list[Completion]:
        """Continue prompts.

        Args:
            requests: The prompts.
            ended: Called with each answer as soon as it is there, and its index in ``requests``.

        Returns:
            The answers, in the order of ``requests``.
        """

    def score(self, requests: Sequence[ScoreRequest]) -> list[Score]:
        """Score continuations, in the order of ``requests``."""

    def close(self) -> None:
        """Free the model."""


@runtime_checkable
class SharedGenerator(Generator, Protocol):
    """A generator that works at several calls together."""

    def start_generating(
        self, requests: Sequence[GenerationRequest], ended: Ended | None = None, rank: Rank = ()
    ) -> OngoingCall[Completion]:
        """Begin a call of :meth:`generate`.

        Args:
            requests: The prompts.
            ended: Called with each answer as soon as it is there.
            rank: Order among the open calls: the smallest comes first.

        Raises:
            EngineError: If a prompt is not valid.
        """

    def start_scoring(
        self, requests: Sequence[ScoreRequest], rank: Rank = ()
    ) -> OngoingCall[Score]:
        """Begin a call of :meth:`score`."""

    def step(self) -> None:
        """Do some work at the open calls."""

    def cancel(self, call: OngoingCall[Any]) -> None:
        """Give up a call."""
