"""How a checkpoint is talked to: its chat template, as text."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from evalsuite.checkpoint.folder import read_object
from evalsuite.checkpoint.models import ChatProtocol
from evalsuite.errors import UsageError


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
    return text


def _own_template(folder: Path) -> str | None:
    """The template where transformers looks for it, newest form first."""
    jinja = folder / "chat_template.jinja"
    if jinja.is_file():
        return jinja.read_text(encoding="utf-8") or None
    for name in ("tokenizer_config.json", "chat_template.json"):
        if template := _default_of(read_object(folder / name).get("chat_template")):
            return template
    return None


def _default_of(stored: Any) -> str | None:
    """One template, or the one named ``default`` of several."""
    if isinstance(stored, str):
        return stored or None
    if isinstance(stored, list):
        named = {entry.get("name"): entry.get("template") for entry in stored}
        return named.get("default")
    return None
