"""From texts and conversations to token ids, for one checkpoint and without an engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.text_tokens import load_tokenizer
from evalsuite.errors import EngineError, UsageError
from evalsuite.prompting.chat_template import ChatTemplate
from evalsuite.prompting.checks import Message, check_single_bos


class Prompter:
    """Renders and tokenises what a checkpoint is asked.

    Args:
        checkpoint: For its tokenizer and chat template.

    Raises:
        CheckpointError: If the tokenizer cannot be loaded.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.name = checkpoint.name
        self.tokenizer: Any = load_tokenizer(checkpoint)
        template = checkpoint.chat.template if checkpoint.chat else None
        self.chat = None if template is None else ChatTemplate(self.name, self.tokenizer, template)
        """The chat template; ``None``: prompts are given as they are."""

    @property
    def end_id(self) -> int:
        """Id of the token that ends a text.

        Raises:
            EngineError: If the tokenizer has none.
        """
        if self.tokenizer.eos_token_id is None:
            raise EngineError(f"the tokenizer of {self.name} has no end token")
        return int(self.tokenizer.eos_token_id)

    @property
    def end_text(self) -> str:
        """The end token as text."""
        return str(self.tokenizer.decode(self.end_id) or self.tokenizer.eos_token)

    @property
    def prefix_id(self) -> int:
        """Id of the token before a text without context: BOS, or the end token without one."""
        bos = self.tokenizer.bos_token_id
        return self.end_id if bos is None else int(bos)

    def render(self, messages: list[Message], add_generation_prompt: bool = True) -> str:
        """Put a conversation into the chat template.

        Args:
            messages: Each with ``role`` and ``content``.
            add_generation_prompt: See :meth:`ChatTemplate.render`.

        Raises:
            EngineError: If the template leaves out a part of what a user says.
            UsageError: If there is no template, or it refuses the conversation.
        """
        if self.chat is None:
            raise UsageError(
                f"{self.name} has no chat template", "pass one with --chat-template FILE"
            )
        return self.chat.render(messages, add_generation_prompt=add_generation_prompt)

    def encode(self, text: str, *, special_tokens: bool = True) -> list[int]:
        """Token ids of a text, with exactly one BOS where the tokenizer puts one.

        Args:
            text: May begin with the BOS token's text, as rendered conversations do.
            special_tokens: Whether to add the special tokens that the tokenizer adds.

        Raises:
            EngineError: With the code ``double-bos``, if the ids begin with two BOS tokens.
        """
        if not text:
            return []
        bos = self.tokenizer.bos_token_id
        if bos is not None and text.startswith(self.tokenizer.decode(bos)):
            special_tokens = False
        ids = list(self.tokenizer(text, add_special_tokens=special_tokens).input_ids)
        check_single_bos(ids, bos, self.tokenizer.decode)
        return ids

    def encode_pair(self, context: str, continuation: str) -> tuple[list[int], list[int]]:
        """Token ids of a text and of what may follow it, tokenised together as lm-eval does.

        White space at the end of the context moves to the continuation, so that words begin
        where the tokenizer begins them. An empty context becomes one token.
        """
        if not context:
            ids = self.encode(continuation, special_tokens=False)
            return (ids[:1], ids[1:]) if ids[:1] == [self.prefix_id] else ([self.prefix_id], ids)
        kept = context.rstrip()
        start = self.encode(kept)
        return start, self.encode(context + continuation)[len(start) :]

    def decode(self, ids: Sequence[int]) -> str:
        """The text of token ids."""
        return str(self.tokenizer.decode(ids))
