"""What the encoders share that turn texts into token ids themselves."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evalsuite.engines import attention_probe
from evalsuite.engines.batched_encoder import BatchedEncoder
from evalsuite.engines.protocols import Rendered
from evalsuite.engines.text_tokens import TextTokenizer

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import EmbeddingProtocol


class TokenEncoder(BatchedEncoder):
    """An encoder on a language model's hidden states, which it pools itself.

    ``model_input`` of its prepared texts is a
    :class:`~evalsuite.engines.text_tokens.TokenisedTexts`.
    """

    _protocol: EmbeddingProtocol
    _tokens: TextTokenizer

    def render(self, text: str, prefix: str = "") -> Rendered:
        return self._tokens.render(text, prefix)

    def verify_attention(self) -> None:
        """Check how the model attends, by what it does rather than by its settings.

        Raises:
            EngineError: If hidden states depend on later tokens and should not, or the reverse.
        """
        observed = self._observed_attention()
        attention_probe.check(self._architecture, observed, self._protocol.attention)

    @property
    @abstractmethod
    def _architecture(self) -> str:
        """Name of the model's class."""

    @abstractmethod
    def _observed_attention(self) -> attention_probe.Observed:
        """How the model attends."""

    def _tokenise(self, texts: Sequence[str], prefix: str) -> tuple[list[int], Any]:
        tokenised = self._tokens.tokenise(texts, prefix)
        return [len(row) for row in tokenised.rows], tokenised
