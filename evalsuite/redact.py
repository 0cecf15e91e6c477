"""Keeping secrets out of what is shown or stored."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading
import traceback
from typing import Final

from evalsuite.settings import JUDGE_KEYS

SECRETS: Final = (
    *JUDGE_KEYS,
    "HF_TOKEN",
    "HUGGING_FACE_HUB_TOKEN",
    "HUGGINGFACEHUB_API_TOKEN",
    "WANDB_API_KEY",
    "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_PASSWORD",
    "TRACKIO_WRITE_TOKEN",
)
"""Environment variables that hold secrets."""
SHORTEST: Final = 6
"""Characters of a secret; shorter ones would be found in ordinary words."""
HIDDEN: Final = "***"
MOST_LETTERS: Final = 900
KEPT: Final = 400
"""Characters that are kept of each end of a longer message."""

_IN_ADDRESS: Final = re.compile(r"(?<=://)[^/\s@]+@")
_TOKENS: Final = re.compile(r"\b(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,})|(?<=Bearer )\S{6,}")


def redact(text: str) -> str:
    """Replace what is or looks like a secret.

    Args:
        text: A message.

    Returns:
        The message without the values of :data:`SECRETS`, without users and passwords in
        addresses, and without what has the form of a hub token or an API key.
    """
    for name in SECRETS:
        value = os.environ.get(name, "").strip()
        if len(value) >= SHORTEST:
            text = text.replace(value, HIDDEN)
    return _TOKENS.sub(HIDDEN, _IN_ADDRESS.sub(f"{HIDDEN}@", text))


def shown(line: str) -> str:
    """A message that can be printed: no secrets, no control characters, no endless words."""
    plain = "".join(c if c.isprintable() else repr(c)[1:-1] for c in redact(line))
    if len(plain) <= MOST_LETTERS:
        return plain
    return f"{plain[:KEPT]} … {plain[-KEPT:]}"


def redacted_traceback(error: BaseException) -> str:
    """The traceback of an error, without secrets."""
    return redact("".join(traceback.format_exception(error)))


def hide_secrets_in_tracebacks() -> None:
    """Make Python print tracebacks of uncaught errors, in threads too, without secrets."""

    def write(error: BaseException | None) -> None:
        if error is not None and sys.stderr is not None:
            sys.stderr.write(redacted_traceback(error))
            sys.stderr.flush()

    def of_thread(ended: threading.ExceptHookArgs) -> None:
        if not issubclass(ended.exc_type, SystemExit):  # how a thread ends itself
            write(ended.exc_value)

    sys.excepthook = lambda _kind, error, _trace: write(error)
    threading.excepthook = of_thread


class RedactingFormatter(logging.Formatter):
    """Formats log lines, tracebacks included, without secrets."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))
