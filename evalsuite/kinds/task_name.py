"""Names of a harness's tasks: ``KIND:TASK``, or with settings ``KIND:TASK?key=value&key=a+b``."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

from evalsuite.errors import UsageError, did_you_mean

Settings = Mapping[str, tuple[str, ...]]
"""Setting → its values; one value for most."""

_PLAIN = " ._:(),-"
"""Stand in a name as they are, beside letters and digits; other characters as ``%2F``."""


@dataclass(frozen=True, slots=True)
class TaskName:
    """The parts of a name."""

    kind: str
    source: str
    """The harness's name of the task."""
    settings: Settings

    @property
    def text(self) -> str:
        """The name in its one form: settings and their values sorted, each once."""
        if not self.settings:
            return f"{self.kind}:{self.source}"
        return f"{self.kind}:{self.source}?{_joined(self.settings)}"


def parse_name(name: str) -> TaskName | None:
    """The parts of the name of a harness's task; ``None`` for a name without a colon.

    Raises:
        UsageError: If a setting has no value, or is given twice.
    """
    kind, colon, rest = name.partition(":")
    if not colon:
        return None
    source, mark, listed = rest.partition("?")
    settings: dict[str, tuple[str, ...]] = {}
    for part in listed.split("&") if mark else ():
        key, equals, values = part.partition("=")
        if not (key and equals and values):
            raise UsageError(
                f"{name!r}: {part!r} is not a setting",
                "write KIND:TASK?key=value&key=value, in quotes",
            )
        if key in settings:
            raise UsageError(f"{name!r} gives {key!r} twice", f"join the values: {key}=one+other")
        settings[key] = tuple(sorted({unquote(value) for value in values.split("+")}))
    return TaskName(kind, source, dict(sorted(settings.items())))


def has_settings(name: str) -> bool:
    """Whether a name holds settings, so that its ``?`` does not make it a pattern."""
    _, mark, settings = name.partition("?")
    return bool(mark) and ":" in name.partition("?")[0] and "=" in settings


def one_value(settings: Settings, key: str) -> str | None:
    """The value of a setting that takes one; ``None`` where it is not given.

    Raises:
        UsageError: If it is given several.
    """
    values = settings.get(key, ())
    if len(values) > 1:
        raise UsageError(f"{key!r} takes one value, not {' and '.join(values)}")
    return values[0] if values else None


def refuse_unknown(settings: Settings, known: Collection[str], kind: str) -> None:
    """Refuse a setting that the kind does not have.

    Raises:
        UsageError: For the first one; names the nearest.
    """
    for key in settings:
        if key not in known:
            raise UsageError(f"tasks of {kind} have no setting {key!r}", did_you_mean(key, known))


def _joined(settings: Settings) -> str:
    return "&".join(
        f"{key}={'+'.join(quote(value, safe=_PLAIN) for value in values)}"
        for key, values in settings.items()
    )
