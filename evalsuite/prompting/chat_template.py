"""A checkpoint's chat template: from a conversation to the text that the model reads."""

from __future__ import annotations

from typing import Any

from evalsuite.errors import UsageError
from evalsuite.prompting.checks import KeptPrompts, Message


class ChatTemplate:
    """Renders conversations, and checks that the template keeps what users say.

    Args:
        name: The checkpoint's, for messages.
        tokenizer: Its transformers tokenizer, whose special tokens the template may name.
        template: The Jinja text.
    """

    def __init__(self, name: str, tokenizer: Any, template: str) -> None:
        self.template = template
        self._name = name
        self._tokenizer = tokenizer
        self._kept = KeptPrompts(name, self._rendered)

    def render(
        self, messages: list[Message], *, add_generation_prompt: bool = True, bos: bool = True
    ) -> str:
        """Render a conversation.

        Args:
            messages: Each with ``role`` and ``content``.
            add_generation_prompt: End with the opening of an answer. Otherwise the last message
                is the beginning of an answer, which the model continues.
            bos: Whether the template may write the BOS token.

        Raises:
            EngineError: With the code ``prompt-dropped``, if the template leaves out a part of
                what a user says.
            UsageError: If the template refuses the conversation.
        """
        self._kept.before(messages)
        rendered = self._rendered(messages, add_generation_prompt, bos)
        self._kept.after(messages, rendered)
        return rendered

    def _rendered(
        self, messages: list[Message], add_generation_prompt: bool = True, bos: bool = True
    ) -> str:
        from jinja2 import TemplateError

        without = {} if bos else {"bos_token": ""}
        try:
            rendered = self._tokenizer.apply_chat_template(
                messages,
                chat_template=self.template,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                continue_final_message=not add_generation_prompt,
                **without,
            )
        except (TemplateError, ValueError) as error:
            raise UsageError(
                f"the chat template of {self._name} refuses the prompt: {error}",
                "pass --chat-template with another template, or --chat-template none",
            ) from error
        return str(rendered)
