"""Checks that a prompt reaches the model whole and with one BOS; they need no engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evalsuite.suspicions import refused

Message = dict[str, str]
"""With ``role`` and ``content``."""

Render = Callable[[list[Message]], str]
"""Renders a conversation that ends with a user's message."""

NEAR_START = 4
"""A second BOS within the first tokens is an error, even with white space before it."""

_PROBE = "evalsuite"


def check_single_bos(
    ids: Sequence[int], bos: int | None, decode: Callable[[list[int]], str]
) -> None:
    """Refuse a prompt that begins with two BOS tokens.

    A template whose BOS also opens each message (``<|im_start|>`` in ChatML) passes: the name of
    a role stands between the two.

    Args:
        ids: Token ids of the prompt.
        bos: The BOS token's id; ``None`` if the tokenizer has none.
        decode: Turns token ids into text.

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
    """Checks that a chat template keeps what users say.

    A template keeps a message if a change at the message's beginning or end also changes the
    rendered conversation. This is tried once for each sequence of roles. After that it is enough
    that the rendered conversation contains the message, without the white space around it.

    Args:
        name: The checkpoint's name, for error messages.
        render: Renders a conversation with its template.
    """

    def __init__(self, name: str, render: Render) -> None:
        self._name = name
        self._render = render
        self._tried: set[tuple[str, ...]] = set()

    def before(self, history: Sequence[Message]) -> None:
        """Check a conversation before it is rendered, unless its sequence of roles was checked.

        Raises:
            EngineError: With the code ``prompt-dropped``.
        """
        roles = tuple(message["role"] for message in history)
        if roles not in self._tried:
            for index in _users(history):
                self._try(history, index)
            self._tried.add(roles)

    def after(self, history: Sequence[Message], rendered: str) -> None:
        """Check that a rendered conversation contains what users say.

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
