"""From a query and its documents to the prompt, cut to the tokens it may have."""

from __future__ import annotations

from collections.abc import Sequence

from evalsuite.errors import UsageError
from evalsuite.kinds.rerank.candidates import Document
from evalsuite.kinds.rerank.task import Rerank, RerankTask
from evalsuite.prompting.checks import Message
from evalsuite.prompting.prompter import Prompter
from evalsuite.templates.renderer import BadTemplateError, Renderer


class PromptWriter:
    """Writes the prompts of one task for one checkpoint.

    Args:
        task: With ``rerank`` and ``prompt``, a Jinja template over ``query`` and ``documents``
            (listwise; each with ``id`` and ``text``) or ``document`` (pointwise).
        prompter: The checkpoint's tokenizer and chat template.
        room: Tokens that a prompt may have.

    Raises:
        UsageError: If the template is wrong.
    """

    def __init__(self, task: RerankTask, prompter: Prompter, room: int) -> None:
        assert task.rerank is not None
        assert task.prompt is not None
        self._task = task
        self._settings: Rerank = task.rerank
        self._prompter = prompter
        self.room = min(room, self._settings.prompt_tokens or room)
        try:
            self._renderer = Renderer({"prompt": task.prompt})
        except BadTemplateError as problem:
            raise self._wrong(problem) from problem

    def text(self, document: Document) -> str:
        """A document as prompts show it: title and text, cut as the task says."""
        body = document.text[: self._settings.characters]
        joined = f"{document.title} {body}".strip()
        return self._cut(joined, self._settings.doc_tokens)

    def listwise(self, query: str, documents: Sequence[str]) -> tuple[str, int]:
        """A prompt with as many of the first documents as fit.

        Returns:
            The prompt and the number of documents in it; ``("", 0)`` if not even two fit.
        """
        low, high = 1, len(documents)
        while low < high:  # the most that fit; one always counts as fitting
            middle = (low + high + 1) // 2
            if self._tokens(self._list_prompt(query, documents[:middle])) <= self.room:
                low = middle
            else:
                high = middle - 1
        return (self._list_prompt(query, documents[:low]), low) if low > 1 else ("", 0)

    def pointwise(self, query: str, document: str) -> str:
        """A prompt with one document, which is cut so that the prompt fits."""
        prompt = self._point_prompt(query, document)
        over = self._tokens(prompt) - self.room
        if over <= 0:
            return prompt
        length = len(self._prompter.encode(document, special_tokens=False))
        return self._point_prompt(query, self._cut(document, max(length - over, 0)))

    def _list_prompt(self, query: str, documents: Sequence[str]) -> str:
        shown = [{"id": number, "text": text} for number, text in enumerate(documents)]
        return self._render(query=self._query(query), documents=shown)

    def _point_prompt(self, query: str, document: str) -> str:
        return self._render(query=self._query(query), document=document)

    def _query(self, text: str) -> str:
        return text[: self._settings.characters]

    def _render(self, **values: object) -> str:
        try:
            said = self._renderer.text("prompt", values)
        except BadTemplateError as problem:
            raise self._wrong(problem) from problem
        prefix = self._task.answer_prefix
        if self._prompter.chat is None:
            return f"{said}\n{prefix}" if prefix else said
        messages: list[Message] = [{"role": "user", "content": said}]
        if prefix is not None:
            messages.append({"role": "assistant", "content": prefix})
        return self._prompter.render(messages, add_generation_prompt=prefix is None)

    def _tokens(self, prompt: str) -> int:
        return len(self._prompter.encode(prompt))

    def _cut(self, text: str, tokens: int | None) -> str:
        if tokens is None:
            return text
        ids = self._prompter.encode(text, special_tokens=False)
        return text if len(ids) <= tokens else self._prompter.decode(ids[:tokens])

    def _wrong(self, problem: BadTemplateError) -> UsageError:
        return UsageError(
            f"task {self._task.name}: 'prompt' does not fit: {problem.why}",
            "it may use query and documents (listwise) or document (pointwise)",
        )
