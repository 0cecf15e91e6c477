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
ADDITIONAL = "additional_chat_templates"
"""Folder with further templates, one a file."""


def chat_protocol(folder: Path, choice: str | None) -> ChatProtocol:
    """Find the chat template.

    Args:
        folder: Where the tokenizer is.
        choice: ``none`` for no template, or the path of a Jinja file; ``None`` for the
            checkpoint's own.

    Raises:
        UsageError: Where the file that was asked for cannot be read.
    """
    name, template = _own_template(folder) if choice is None else (None, _chosen_template(choice))
    digest = hashlib.sha256(template.encode()).hexdigest()[:8] if template else "none"
    return ChatProtocol(template=template, template_hash=digest, name=name)


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


def _own_template(folder: Path) -> tuple[str | None, str | None]:
    """Name and text of the template that transformers takes, newest form first.

    The name is ``None`` unless there are several.

    Raises:
        CheckpointError: If there are several, and none is the default.
    """
    named = _additional(folder)
    jinja = folder / "chat_template.jinja"
    if (text := read_text(jinja)) is not None:
        # A list in the config beside it is not read.
        return ("default" if named else None), _checked(text, str(jinja)) or None
    if named:
        # They take the place of what the config has.
        return _one_of(named, str(folder / ADDITIONAL))
    for name in ("tokenizer_config.json", "chat_template.json"):
        path = folder / name
        stored = read_object(path).get("chat_template")
        if isinstance(stored, str) and stored:
            return None, _checked(stored, str(path))
        if isinstance(stored, list) and stored:
            return _one_of(_listed(stored, path), str(path))
    return None, None


def _additional(folder: Path) -> dict[str, str]:
    """Templates in a folder of their own, by name."""
    if not (folder / ADDITIONAL).is_dir():
        return {}
    paths = sorted((folder / ADDITIONAL).glob("*.jinja"))
    return {path.stem: text for path in paths if (text := read_text(path)) is not None}


def _listed(stored: list[Any], path: Path) -> dict[str, str]:
    """Templates of a list of names and texts."""
    if not all(
        isinstance(entry, dict) and isinstance(entry.get("template"), str) for entry in stored
    ):
        raise CheckpointError(
            f"'chat_template' in {path} is a list, but not of names and templates",
            "restore the original file",
        )
    return {str(entry.get("name")): entry["template"] for entry in stored}


def _one_of(named: dict[str, str], where: str) -> tuple[str, str]:
    """The template named ``default``.

    Raises:
        CheckpointError: If no template has that name.
    """
    if "default" not in named:
        raise CheckpointError(
            f"{where} has the chat templates {', '.join(named)}, and none is the default",
            "save one of them as a file, and pass it: --chat-template FILE; or --chat-template "
            "none",
        )
    return "default", _checked(named["default"], where)


def _checked(template: str, where: str) -> str:
    """The template, if Jinja can read it. It is only ever rendered in Jinja's sandbox.

    Raises:
        CheckpointError: If it is not a valid template, or far too long.
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
            f"the chat template in {where} is not a valid template: {reason}", hint
        ) from error
    return template
