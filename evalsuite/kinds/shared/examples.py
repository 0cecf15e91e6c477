"""Rendered examples: as a preview shows them and as a record keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from evalsuite.kinds.base import Preview
from evalsuite.prompting.prompter import Prompter

KEPT_IDS = 64
"""Token ids of an example that a record keeps."""


def chat_example(prompter: Prompter, prompt: str) -> Preview:
    """A prompt for generation with all of its token ids."""
    return Preview(side="chat", text=prompt, token_ids=tuple(prompter.encode(prompt)))


def kept(*examples: Preview) -> dict[str, Any]:
    """What a record keeps as ``details["rendered"]``: side → text and first token ids."""
    return {
        example.side: {"text": example.text, "token_ids": list(example.token_ids[:KEPT_IDS])}
        for example in examples
    }


def kept_examples(rendered: Mapping[str, Any]) -> list[Preview]:
    """The examples in what :func:`kept` returned."""
    return [
        Preview(side=side, text=part["text"], token_ids=tuple(part["token_ids"]))
        for side, part in rendered.items()
    ]
