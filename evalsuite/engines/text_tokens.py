"""From a text to the token ids that an embedding model is given.

The protocol is that of the GRIT authors' ``GritLM.encode`` (GRIT paper, Appendix E and Figure 3;
``gritlm.py``): instruction and text are tokenised as one string, with the special tokens that the
tokenizer adds, and cut on the right; as many positions as the instruction has when tokenised alone
are left out of the pooling.

Defined here, where the authors' code gives NaN or leaves it open:

* Nothing is left after the instruction (empty text, or an instruction as long as the limit): the
  last token of the sequence is pooled.
* No token at all (empty text, no instruction, a tokenizer without BOS): the end-of-text token.
* A literal BOS at the beginning does not double the one that the tokenizer adds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from evalsuite.checkpoint.special_tokens import append_eos
from evalsuite.engines.load_errors import loading
from evalsuite.engines.protocols import Rendered

if TYPE_CHECKING:
    from evalsuite.checkpoint.models import Checkpoint, EmbeddingProtocol

NO_LIMIT: Final = 10**6
"""Tokens; a tokenizer whose limit is above this has none (transformers then says 10**30)."""

_LEAVE_INSTRUCTION_OUT: Final = ("mean", "weighted_mean")
"""Poolings for which ``gritlm.py`` masks the instruction. ``cls`` is the first token of the whole
sequence, and ``last`` comes after the instruction anyway."""


def load_tokenizer(checkpoint: Checkpoint, folder: Path | None = None) -> Any:
    """Load a checkpoint's tokenizer.

    Args:
        checkpoint: The checkpoint.
        folder: Where its files are; ``None`` for the checkpoint's own folder, or that of a
            tokenizer that had to be corrected.

    Raises:
        CheckpointError: If it cannot be loaded.
    """
    from transformers import AutoTokenizer

    with loading(checkpoint, "tokenizer"):
        return AutoTokenizer.from_pretrained(
            folder or checkpoint.tokenizer_path, trust_remote_code=checkpoint.trust_remote_code
        )


@dataclass(frozen=True, slots=True)
class TokenisedTexts:
    """Texts that share a prefix, as token ids."""

    rows: list[list[int]]
    """Of each text: at least one token."""
    leave_out: int
    """Leading positions that do not enter the pooling, as long as a later one remains."""


class TextTokenizer:
    """Turns prefix and text into the ids that the model is given.

    Args:
        checkpoint: The checkpoint.
        protocol: How it embeds.

    Raises:
        CheckpointError: If the tokenizer cannot be loaded.
    """

    def __init__(self, checkpoint: Checkpoint, protocol: EmbeddingProtocol) -> None:
        tokenizer = load_tokenizer(checkpoint)
        tokenizer.truncation_side = "right"
        if protocol.append_eos:
            append_eos(tokenizer)
        self._tokenizer = tokenizer
        own = [n for n in (checkpoint.max_positions, tokenizer.model_max_length) if n]
        self.max_length: int = protocol.max_length or int(min(NO_LIMIT, *own))
        ends = (tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id, 0)
        self._end_id = int(next(end for end in ends if end is not None))
        self.pad_id = int(
            self._end_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        )
        averaged = protocol.pooling in _LEAVE_INSTRUCTION_OUT
        self._leave_out = averaged and not protocol.pool_instruction
        bos = tokenizer.bos_token_id
        adds_bos = bos is not None and self._ids([""], special=True)[0][:1] == [bos]
        self._literal_bos: str = tokenizer.bos_token if adds_bos else ""

    def tokenise(self, texts: Sequence[str], prefix: str) -> TokenisedTexts:
        """All that a model needs of texts that share a prefix."""
        return TokenisedTexts(self.rows(texts, prefix), self.instruction_length(prefix))

    def rows(self, texts: Sequence[str], prefix: str) -> list[list[int]]:
        """Token ids of each text with its prefix: at least one, ``max_length`` at most."""
        whole = [self.joined(text, prefix) for text in texts]
        return [row or [self._end_id] for row in self._ids(whole, special=True)]

    def joined(self, text: str, prefix: str) -> str:
        """Prefix and text, without a literal BOS where the tokenizer adds its own."""
        whole = prefix + text
        if self._literal_bos:
            while whole.startswith(self._literal_bos):
                whole = whole[len(self._literal_bos) :]
        return whole

    def instruction_length(self, prefix: str) -> int:
        """Number of leading positions that do not enter the pooling.

        As in ``gritlm.py``, the prefix is tokenised alone with special tokens; those that the
        tokenizer puts behind it (``[SEP]``) do not count, since in the sequence they come last.
        """
        if not prefix or not self._leave_out:
            return 0
        alone = self.joined("", prefix)
        bare = self._ids([alone], special=False)[0]
        whole = self._ids([alone], special=True)[0]
        starts = range(len(whole) - len(bare) + 1)
        start = next((at for at in starts if whole[at : at + len(bare)] == bare), 0)
        return start + len(bare)

    def render(self, text: str, prefix: str) -> Rendered:
        """What the model is given for one text."""
        row = self.rows([text], prefix)[0]
        return Rendered(
            text=self.joined(text, prefix),
            token_ids=tuple(row),
            pooled_from=min(self.instruction_length(prefix), len(row) - 1),
        )

    def _ids(self, texts: Sequence[str], *, special: bool) -> list[list[int]]:
        encoded: list[list[int]] = self._tokenizer(
            list(texts),
            add_special_tokens=special,
            truncation=True,
            max_length=self.max_length,
            return_attention_mask=False,
            return_token_type_ids=False,
        )["input_ids"]
        return encoded
