"""How a checkpoint is talked to: its chat template, as text."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from evalsuite.checkpoint.folder import read_object, read_text
from evalsuite.checkpoint.models import ChatProtocol
from evalsuite.errors import CheckpointError, UsageError

MOST_LETTERS = 1 << 20
"""Characters of a chat template."""


def chat_protocol(folder: Path, choice: str | None) -> ChatProtocol:
    """Find the chat template.

    Args:
        folder: Where the tokenizer is.
        choice: ``none`` for no template, or the path of a Jinja file; ``None`` for the
            checkpoint's own.

    Raises:
        UsageError: Where the file that was asked for cannot be read.
    """
    template = _own_template(folder) if choice is None else _chosen_template(choice)
    digest = hashlib.sha256(template.encode()).hexdigest()[:8] if template else "none"
    return ChatProtocol(template=template, template_hash=digest)


def _chosen_template(choice: str) -> str | None:
    if choice == "none":
        return None
    try:
        text = Path(choice).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"--chat-template {choice} is not a readable file",
            "pass the path of a Jinja file, or none",
        ) from error
    if not text.strip():
        raise UsageError(f"--chat-template {choice} is empty", "pass none for no chat template")
    return _checked(text, choice)


def _own_template(folder: Path) -> str | None:
    """The template where transformers looks for it, newest form first."""
    jinja = folder / "chat_template.jinja"
    if (text := read_text(jinja)) is not None:
        return _checked(text, str(jinja)) or None
    for name in ("tokenizer_config.json", "chat_template.json"):
        stored = read_object(folder / name).get("chat_template")
        if isinstance(stored, list) and not all(isinstance(entry, dict) for entry in stored):
            raise CheckpointError(
                f"the chat templates in {folder / name} are none", "restore the original file"
            )
        if template := _default_of(stored):
            return _checked(template, str(folder / name))
    return None


def _checked(template: str, where: str) -> str:
    """The template, if Jinja can read it. It is only ever rendered in Jinja's sandbox.

    Raises:
        CheckpointError: If it is none, or far too long.
    """
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    hint = "correct it, or pass --chat-template with another one, or none"
    if len(template) > MOST_LETTERS:
        raise CheckpointError(f"the chat template in {where} is far too long", hint)
    # transformers' own tag, which marks what the model says; it may stand anywhere.
    plain = re.sub(r"{%-?\s*(end)?generation\s*-?%}", "", template)
    try:
        ImmutableSandboxedEnvironment(extensions=["jinja2.ext.loopcontrols"]).parse(plain)
    except (TemplateError, RecursionError) as error:
        reason = error.message if isinstance(error, TemplateError) else "nested too deeply"
        raise CheckpointError(
            f"the chat template in {where} is no template: {reason}", hint
        ) from error
    return template


def _default_of(stored: Any) -> str | None:
    """One template, or the one named ``default`` of several."""
    if isinstance(stored, str):
        return stored or None
    if isinstance(stored, list):
        for entry in stored:
            if entry.get("name") == "default":
                return _default_of(entry.get("template"))
    return None
