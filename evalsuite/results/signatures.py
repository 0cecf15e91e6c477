"""What signatures have in common and where they differ, in short words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from evalsuite.schema import Signature, digest

Parts = Mapping[str, str]
"""Short key → value, as in ``attn:causal``."""

PER_TASK = frozenset({"task", "data", "instruction", "libs", "def"})
"""Keys that differ between tasks by nature: never listed in a signature line."""

ONLY_IF_DIFFERENT = frozenset({"seed", "template", "bare", "sampling", "code", "split"})
"""Keys that are shown only where scores differ in them."""

_LONGEST_VALUE = 48


@cache
def parts(signature: Signature) -> Parts:
    """A signature by short keys, with those that its short form leaves out.

    Long texts are cut and get a hash, so that different texts never look the same.
    """
    found: dict[str, str] = dict(part.split(":", 1) for part in signature.short().split("|"))
    hidden = {
        "instruction": signature.instruction,
        "template": signature.template,
        "bare": signature.bare,
        "sampling": signature.sampling,
        "split": signature.split,
        "seed": signature.seed,
        "code": signature.code,
    }
    found.update({key: _cut(str(value)) for key, value in hidden.items() if value is not None})
    return found


def stated_versions(signature: Signature) -> list[str]:
    """The version of the task that an imported file states; empty where it states none."""
    items = (signature.definition or "").split(", ")
    return [item for item in items if item.startswith("version ")]


def common(many: Iterable[Parts]) -> Parts:
    """The parts that all have, with the same value."""
    shared: Parts | None = None
    for one in many:
        if shared is None:
            shared = dict(one)
        elif shared != one:
            shared = {key: value for key, value in shared.items() if one.get(key) == value}
    return shared or {}


def without(one: Parts, keys: Iterable[str]) -> Parts:
    """``one`` without some keys."""
    dropped = set(keys)
    return {key: value for key, value in one.items() if key not in dropped}


def line(one: Parts) -> str:
    """Parts as one line: ``attn:bi|pool:mean``."""
    return "|".join(f"{key}:{value}" for key, value in one.items())


def differences(variants: Sequence[Parts]) -> list[str]:
    """What sets each of some variants apart, for example ``attn:causal, no limit``.

    Args:
        variants: At least one.

    Returns:
        One text a variant; empty where there is only one, or all are the same.
    """
    keys = list(dict.fromkeys(key for variant in variants for key in variant))
    differing = [key for key in keys if len({variant.get(key) for variant in variants}) > 1]
    return [
        ", ".join(f"{key}:{one[key]}" if key in one else f"no {key}" for key in differing)
        for one in variants
    ]


def _cut(value: str) -> str:
    plain = value.replace("\n", "\\n")
    if len(plain) <= _LONGEST_VALUE:
        return plain
    return f"{plain[: _LONGEST_VALUE - 8]}…#{digest(value)[:6]}"
