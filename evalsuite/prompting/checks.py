"""Prompts that do not reach the model as they were meant: pure checks, before anything is run."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evalsuite.results.suspicions import refused

Message = dict[str, str]
"""With ``role`` and ``content``."""

Render = Callable[[list[Message]], str]
"""Puts a conversation that ends with a user into a chat template."""

NEAR_START = 4
"""Tokens among which a second BOS is one too many; white space may stand between the two."""

_PROBE = "evalsuite"


def check_single_bos(
    ids: Sequence[int], bos: int | None, decode: Callable[[list[int]], str]
) -> None:
    """Refuse a prompt that begins with two BOS tokens.

    Where the BOS also opens each message (``<|im_start|>`` in ChatML), a role follows it.

    Raises:
        EngineError: With the code ``double-bos``.
    """
    if bos is None or not ids or ids[0] != bos or bos not in ids[1:NEAR_START]:
        return
    second = list(ids).index(bos, 1)
    if not decode(list(ids[1:second])).strip():
        raise refused(
            "double-bos",
            f"a prompt begins with two BOS tokens ({decode([bos])!r})",
            "remove the BOS from the chat template, the wrapper or the task's prompt",
        )


class KeptPrompts:
    """Sees to it that a chat template keeps what users say.

    A template keeps a text if the rendered conversation changes with its beginning and with its
    end. That is tried once for each order of roles; after that it is enough to find the text,
    white space around it apart, in what was rendered.

    Args:
        name: The checkpoint's, for messages.
        render: Its template.
    """

    def __init__(self, name: str, render: Render) -> None:
        self._name = name
        self._render = render
        self._tried: set[tuple[str, ...]] = set()

    def before(self, history: Sequence[Message]) -> None:
        """Check a conversation before it is rendered, if none like it was seen.

        Raises:
            EngineError: With the code ``prompt-dropped``.
        """
        roles = tuple(message["role"] for message in history)
        if roles not in self._tried:
            for index in _users(history):
                self._try(history, index)
            self._tried.add(roles)

    def after(self, history: Sequence[Message], rendered: str) -> None:
        """Check a conversation that was rendered.

        Raises:
            EngineError: With the code ``prompt-dropped``.
        """
        for index in _users(history):
            if history[index]["content"].strip() not in rendered:
                self._try(history, index)

    def _try(self, history: Sequence[Message], index: int) -> None:
        asked = list(history[: max(_users(history)) + 1])
        plain, said = self._render(asked), asked[index]["content"]
        for changed in (f"{_PROBE} {said}", f"{said} {_PROBE}"):
            asked[index] = {**asked[index], "content": changed}
            if self._render(asked) == plain:
                raise refused(
                    "prompt-dropped",
                    f"the chat template of {self._name} leaves out what message {index + 1} of "
                    f"{len(history)} says, or a part of it",
                    "pass --chat-template with another template, or --chat-template none",
                )


def _users(history: Sequence[Message]) -> list[int]:
    return [index for index, message in enumerate(history) if message["role"] == "user"]
