"""The texts of a model that embeds and generates, as token ids; loads no weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evalsuite.engines.choice import why_not_unified
from evalsuite.engines.text_tokens import TextTokenizer, load_tokenizer
from evalsuite.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol


class UnifiedTexts:
    """The tokens of texts, for embedding and for generation; loads no weights.

    Vectors are scaled to length 1: the authors' ``rag/eval.py`` leaves ``GritLM.encode`` at its
    default, other than their script for MTEB.

    Args:
        checkpoint: With an embedding protocol on the weights alone.
        embed_length: Tokens after which a text to embed is cut; ``None`` for all positions.

    Raises:
        CheckpointError: If the checkpoint has no such protocol, or no tokenizer that loads.
        UsageError: If ``embed_length`` is beyond the model's positions.
    """

    def __init__(self, checkpoint: Checkpoint, embed_length: int | None = None) -> None:
        if reason := why_not_unified(checkpoint):
            raise CheckpointError(f"{checkpoint.name}: {reason}")
        assert checkpoint.embedding is not None
        self.positions = checkpoint.max_positions or 2048
        if embed_length and embed_length > self.positions:
            raise UsageError(
                f"--embed-length {embed_length} is beyond the {self.positions} positions of "
                f"{checkpoint.name}",
                f"pass {self.positions} or less",
            )
        length = embed_length or self.positions
        self.protocol: EmbeddingProtocol = checkpoint.embedding.model_copy(
            update={"max_length": length, "normalize": True}
        )
        self._embedding = TextTokenizer(checkpoint, self.protocol)
        self.tokenizer: Any = load_tokenizer(checkpoint)
        self.end_id: int | None = self.tokenizer.eos_token_id

    def embedding_ids(self, text: str) -> tuple[int, ...]:
        """A text in the format for embedding without an instruction, BOS included."""
        return tuple(self._embedding.rows([text], self.protocol.prefix(""))[0])

    @property
    def pooled_from(self) -> int:
        """First position of :meth:`embedding_ids` that enters the pooling."""
        return self._embedding.instruction_length(self.protocol.prefix(""))

    def ids(self, text: str, *, bos: bool) -> tuple[int, ...]:
        """A text as it is, with or without the special tokens that the tokenizer adds."""
        return tuple(self.tokenizer(text, add_special_tokens=bos)["input_ids"])

    def text(self, ids: Sequence[int]) -> str:
        """The text of generated tokens."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))
