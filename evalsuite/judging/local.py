"""A judge that is a checkpoint on this machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.protocols import Generator
from evalsuite.errors import EngineError
from evalsuite.judging.judge import Messages, Reply
from evalsuite.judging.prompt import JudgePrompt
from evalsuite.prompting.client import Client
from evalsuite.prompting.decoding import Decoding
from evalsuite.prompting.prompter import Prompter
from evalsuite.prompting.response_log import ResponseLog


class LocalJudge:
    """Asks a checkpoint through its chat template.

    Args:
        generator: The engine; ``None`` to show prompts only.
        checkpoint: The judge.
        prompt: Temperature and length of the reply.
    """

    def __init__(
        self, generator: Generator | None, checkpoint: Checkpoint, prompt: JudgePrompt
    ) -> None:
        self._generator = generator
        self._checkpoint = checkpoint
        self._prompt = prompt

    @property
    def version(self) -> str:
        engine = f" ({self._generator.version})" if self._generator else ""
        return f"{self._checkpoint.name}{engine}"

    def ask(
        self, prompts: Sequence[Messages], log: ResponseLog, progress: Callable[[int, int], None]
    ) -> list[Reply]:
        if self._generator is None:
            raise EngineError("this model renders prompts only")
        client = Client(self._generator, self._prompter, log, progress=progress)
        decoding = Decoding(self._prompt.max_tokens, temperature=self._prompt.temperature)
        room = client.max_length - decoding.max_tokens
        texts = [self._render(prompt) for prompt in prompts]
        # A prompt without its beginning would be another question.
        fits = [len(self._prompter.encode(text)) <= room for text in texts]
        asked = [text for text, fit in zip(texts, fits, strict=True) if fit]
        replies = iter(client.generate(asked, decoding))
        too_long = f"the prompt does not fit the judge's context of {client.max_length} tokens"
        return [Reply(text=next(replies)) if fit else Reply(problem=too_long) for fit in fits]

    def show(self, prompt: Messages) -> tuple[str, tuple[int, ...]]:
        text = self._render(prompt)
        return text, tuple(self._prompter.encode(text))

    def close(self) -> None:
        if self._generator is not None:
            self._generator.close()

    @cached_property
    def _prompter(self) -> Prompter:
        return Prompter(self._checkpoint)

    def _render(self, prompt: Messages) -> str:
        return self._prompter.render(
            [{"role": role, "content": content} for role, content in prompt]
        )
