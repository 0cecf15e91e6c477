"""A judge that is a checkpoint of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.protocols import Generator
from evalsuite.judging.judge import Messages, Reply
from evalsuite.judging.prompt import JudgePrompt
from evalsuite.prompting.response_log import ResponseLog


@dataclass(frozen=True, slots=True)
class Ask:
    """A request as lm-eval's models take it."""

    args: tuple[str, dict[str, Any]]


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
        from evalsuite.kinds.lm_eval.model import EngineLM

        lm = EngineLM(self._generator, self._checkpoint, log, progress=progress)
        room = lm.max_length - self._prompt.max_tokens
        texts = [self._render(lm, prompt) for prompt in prompts]
        # A prompt without its beginning would be another question.
        fits = [len(lm.tok_encode(text)) <= room for text in texts]
        settings = {
            "until": [],
            "max_gen_toks": self._prompt.max_tokens,
            "do_sample": self._prompt.temperature > 0,
            "temperature": self._prompt.temperature,
        }
        asked = [Ask((text, settings)) for text, fit in zip(texts, fits, strict=True) if fit]
        replies = iter(lm.generate_until(asked))
        too_long = f"the prompt does not fit the judge's context of {lm.max_length} tokens"
        return [Reply(text=next(replies)) if fit else Reply(problem=too_long) for fit in fits]

    def show(self, prompt: Messages) -> tuple[str, tuple[int, ...]]:
        from evalsuite.kinds.lm_eval.model import EngineLM

        lm = EngineLM(None, self._checkpoint)
        text = self._render(lm, prompt)
        return text, tuple(lm.tok_encode(text))

    def close(self) -> None:
        if self._generator is not None:
            self._generator.close()

    def _render(self, lm: Any, prompt: Messages) -> str:
        messages = [{"role": role, "content": content} for role, content in prompt]
        return str(lm.apply_chat_template(messages))
