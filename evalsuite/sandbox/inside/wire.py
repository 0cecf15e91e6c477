"""Plain data between two processes of which one is hostile: JSON with tags, one line a message.

Whatever the other side sends becomes built-in values: no object of its own, whose ``__eq__`` could
agree with everything, and no pickle.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, ValuesView
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import IO, Any

MOST_BYTES = 16 << 20
"""Bytes of a message."""
MOST_ITEMS = 1 << 20
"""Items that are taken from an iterator."""


class NotPlainError(Exception):
    """A value that cannot be sent as plain data, or a malformed message."""


def send(stream: IO[bytes], message: object) -> None:
    """Write one message.

    Raises:
        NotPlainError: If it is too long.
    """
    line = json.dumps(message).encode("ascii")
    if len(line) >= MOST_BYTES:
        raise NotPlainError(f"more than {MOST_BYTES >> 20} MiB")
    stream.write(line + b"\n")
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Read one message; ``None`` where the other side has ended.

    Raises:
        NotPlainError: If the message is malformed.
    """
    line = stream.readline(MOST_BYTES)
    if not line.endswith(b"\n"):
        if len(line) == MOST_BYTES:
            raise NotPlainError(f"more than {MOST_BYTES >> 20} MiB")
        return None
    try:
        return json.loads(line)
    except (ValueError, RecursionError) as error:
        raise NotPlainError(f"no message: {type(error).__name__}") from None


def encode(value: object) -> object:
    """The JSON form of a value.

    Subclasses of built-in types go as these: a ``Counter`` as a dictionary, a named tuple as a
    tuple.

    Raises:
        NotPlainError: If it has none.
    """
    if value is None or isinstance(value, bool | float | str):
        return value
    for kind, tag, parts in _FORMS:
        if isinstance(value, kind):
            return [tag, parts(value)]
    raise NotPlainError(f"a {type(value).__name__} is no plain value")


def decode(form: Any) -> Any:
    """The value of a JSON form.

    Raises:
        NotPlainError: If it cannot be sent as plain data.
    """
    if not isinstance(form, list):
        return form
    try:
        tag, body = form
        return _VALUES[tag](body)
    except (ValueError, TypeError, LookupError, ArithmeticError, RecursionError) as error:
        raise NotPlainError(f"no value: {type(error).__name__}") from None


def _encoded(items: Iterable[object]) -> list[object]:
    found = [encode(item) for item in islice(items, MOST_ITEMS + 1)]
    if len(found) > MOST_ITEMS:
        raise NotPlainError(f"more than {MOST_ITEMS} items")
    return found


def _decoded(body: list[Any]) -> list[Any]:
    return [decode(item) for item in body]


def _pairs(body: list[Any]) -> dict[Any, Any]:
    flat = _decoded(body)
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _flat(pairs: Iterable[tuple[object, object]]) -> list[object]:
    return _encoded(item for pair in pairs for item in pair)


_FORMS: tuple[tuple[type, str, Callable[[Any], object]], ...] = (
    (int, "int", hex),  # in digits, long ones would be refused
    (list, "list", _encoded),
    (tuple, "tuple", _encoded),
    (dict, "dict", lambda value: _flat(value.items())),
    (set, "set", _encoded),
    (frozenset, "frozenset", _encoded),
    (bytearray, "bytearray", lambda value: value.hex()),
    (bytes, "bytes", lambda value: value.hex()),
    (complex, "complex", lambda value: [value.real, value.imag]),
    (range, "range", lambda value: _encoded((value.start, value.stop, value.step))),
    (deque, "deque", _encoded),
    (Fraction, "fraction", lambda value: _encoded((value.numerator, value.denominator))),
    (Decimal, "decimal", str),
    (KeysView, "keys", _encoded),
    (ValuesView, "values", _encoded),
    (ItemsView, "items", _flat),
    (Iterator, "iterator", _encoded),
)

_VALUES: dict[str, Callable[[Any], Any]] = {
    "int": lambda body: int(body, 16),
    "list": _decoded,
    "tuple": lambda body: tuple(_decoded(body)),
    "dict": _pairs,
    "set": lambda body: set(_decoded(body)),
    "frozenset": lambda body: frozenset(_decoded(body)),
    "bytearray": bytearray.fromhex,
    "bytes": bytes.fromhex,
    "complex": lambda body: complex(*body),
    "range": lambda body: range(*_decoded(body)),
    "deque": lambda body: deque(_decoded(body)),
    "fraction": lambda body: Fraction(*_decoded(body)),
    "decimal": Decimal,
    "keys": lambda body: dict.fromkeys(_decoded(body)).keys(),
    "values": lambda body: dict(enumerate(_decoded(body))).values(),
    "items": lambda body: _pairs(body).items(),
    "iterator": lambda body: iter(_decoded(body)),
}
