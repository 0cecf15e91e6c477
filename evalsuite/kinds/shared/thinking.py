"""What a model writes for itself before it answers."""

from __future__ import annotations

import re
from typing import Final

from evalsuite.checkpoint.models import Checkpoint

_THINKING: Final = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL)
_END: Final = re.compile(r"\A.*</think(?:ing)?>", re.DOTALL)


def without_thinking(response: str) -> str:
    """A response without what stands between think tags.

    Where the first tag is missing, the chat template has opened it: all before the last end is
    thinking. Where the end is missing, the model never came to it.
    """
    return _END.sub("", _THINKING.sub("", response))


def thinks(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint's chat template knows of thinking."""
    chat = checkpoint.chat
    return chat is not None and chat.template is not None and "<think" in chat.template
