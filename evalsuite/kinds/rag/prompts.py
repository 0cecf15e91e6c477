"""What a model is given in each row of Table 7 of the GRIT paper, as tokens.

The texts are those of the authors' ``rag/eval.py``. A prompt without a cache begins with a BOS. A
prompt after a cache has none, because the cached text begins with one. Where the query and then the
document are cached, the document has no BOS. Where the document and then the query are cached, both
have one (the paper finds 18.39 with it and 14.13 without).

A checkpoint that is not a GRIT model has its own chat template: the user's message is the same, the
template around it is the checkpoint's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.transformers.unified_texts import UnifiedTexts
from evalsuite.kinds.rag.data import Passage
from evalsuite.kinds.rag.task import Method, RagTask
from evalsuite.prompting.chat_template import ChatTemplate

AFTER_QUERY: Final = "Optionally using the prior context answer the query prior to it"
AFTER_DOCUMENT: Final = "Answer the prior query while optionally using the context prior to it"

SAID: Final[dict[Method, str]] = {
    "none": "{query}",
    "query-doc": "{query}\n\n{document}\n\n" + AFTER_QUERY,
    "query-cache": "{document}\n\n" + AFTER_QUERY,
    "query-doc-cache": AFTER_QUERY,
    "query-doc-embed": "{document}\n\n" + AFTER_QUERY,
    "doc-query": "{document}\n\n{query}\n\n" + AFTER_DOCUMENT,
    "doc-cache": "{query}\n\n" + AFTER_DOCUMENT,
    "doc-query-cache": AFTER_DOCUMENT,
    "doc-query-embed": "{query}\n\n" + AFTER_DOCUMENT,
}
"""Method → what the user says."""

PARTS: Final[dict[Method, tuple[str, ...]]] = {
    "query-cache": ("query",),
    "query-doc-cache": ("query", "bare document"),
    "query-doc-embed": ("query",),
    "doc-cache": ("document",),
    "doc-query-cache": ("document", "query"),
    "doc-query-embed": ("document",),
}
"""Method → the texts in the embedding format that come before the prompt."""

CACHED: Final[frozenset[Method]] = frozenset(method for method in PARTS if "cache" in method)
"""Methods whose parts come from caches; the others read them with the prompt."""

PREFIX: Final = "The answer is"
"""What each answer is made to begin with, unless the task file says otherwise."""
GRIT_TURN: Final = "<|user|>\n{user}\n<|assistant|>\n"
SPARE: Final = 64
"""Tokens left free when a document is cut to the context: joined texts may have a few more."""


@dataclass(frozen=True, slots=True)
class Input:
    """What the model is given for one question.

    Attributes:
        parts: Tokens of each text in the embedding format; a cache each, or read first.
        ids: Tokens of the prompt.
        text: The prompt as text.
    """

    parts: tuple[tuple[int, ...], ...]
    ids: tuple[int, ...]
    text: str

    @property
    def whole(self) -> tuple[int, ...]:
        """All tokens in one row."""
        return tuple(token for part in self.parts for token in part) + self.ids


class Prompts:
    """Writes prompts for one checkpoint.

    Args:
        checkpoint: Its chat template renders the user's turn, unless it is a GRIT model.
        texts: Its tokenizer.
        prefix: What each answer is made to begin with.
    """

    def __init__(self, checkpoint: Checkpoint, texts: UnifiedTexts, prefix: str) -> None:
        self._texts = texts
        self._prefix = prefix
        self._chat: ChatTemplate | None = None
        if checkpoint.kind != "grit" and checkpoint.chat and checkpoint.chat.template is not None:
            template = checkpoint.chat.template
            self._chat = ChatTemplate(checkpoint.name, texts.tokenizer, template)

    def build(self, method: Method, query: str, document: str) -> Input:
        """The tokens for a question.

        Args:
            method: The row.
            query: The question.
            document: Title and text of what was found; unused without retrieval.
        """
        text = self.turn(method, query, document)
        return Input(
            parts=tuple(ids for _, ids in self.parts(method, query, document)),
            ids=self.ids(method, text),
            text=text,
        )

    def parts(self, method: Method, query: str, document: str) -> list[tuple[str, tuple[int, ...]]]:
        """Names and tokens of the texts in the embedding format that come before the prompt."""
        return [(name, self._part(name, query, document)) for name in PARTS.get(method, ())]

    def ids(self, method: Method, turn: str) -> tuple[int, ...]:
        """Tokens of a prompt that :meth:`turn` has written."""
        # A chat template writes the BOS itself, where there is to be one.
        special = method not in PARTS and self._chat is None
        return self._texts.ids(turn, bos=special)

    def turn(self, method: Method, query: str, document: str) -> str:
        """The user's turn and the beginning of the answer, as text."""
        said = SAID[method].format(query=query, document=document)
        after_cache = method in PARTS
        if self._chat is None:
            rendered = GRIT_TURN.format(user=said)
        else:
            messages = [{"role": "user", "content": said}]
            rendered = self._chat.render(messages, bos=not after_cache)
        return ("\n" if after_cache else "") + rendered + self._prefix

    def fitted(self, document: str, query: str, answer: int) -> tuple[str, bool]:
        """A document cut so that it, the query twice, the format and the answer fit.

        Returns:
            The document, and whether it was cut.
        """
        texts = self._texts
        rest = sum(len(texts.ids(self.turn("query-doc", query, ""), bos=True)) for _ in range(2))
        room = texts.positions - rest - answer - SPARE
        ids = texts.ids(document, bos=False)
        if len(ids) <= room:
            return document, False
        return texts.text(ids[: max(room, 0)]), True

    def _part(self, name: str, query: str, document: str) -> tuple[int, ...]:
        texts = self._texts
        if name == "bare document":
            bare = "\n" + texts.protocol.prefix("") + document
            return texts.ids(bare, bos=False)[: texts.protocol.max_length]
        return texts.embedding_ids(query if name == "query" else document)


def prompts_for(task: RagTask, checkpoint: Checkpoint, texts: UnifiedTexts) -> Prompts:
    """The prompts of a task."""
    prefix = PREFIX if task.answer_prefix is None else task.answer_prefix
    return Prompts(checkpoint, texts, prefix)


def whole(document: Passage) -> str:
    """Title and text as the authors join them; the text alone where there is no title."""
    return f"{document.title} {document.text}" if document.title else document.text
