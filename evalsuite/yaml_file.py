"""YAML files read strictly: every error names the file and the line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.schema import Frozen

MAX_BYTES = 512 * 1024
"""Larger files are refused: a task file is written by a person."""

MAX_DEPTH = 100
"""Deeper nesting is refused: libyaml's composer would overflow the stack of the process."""

_SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Model = TypeVar("_Model", bound=Frozen)


class _Loader(_SafeLoader):  # type: ignore[misc,valid-type]
    """Names the place of a value that has a form but no meaning, such as ``2024-99-99``."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, LookupError, AttributeError):  # from int(), a table, a failed match
            kind = node.tag.rpartition(":")[2]
            problem = f"looks like {kind} but is not; quote it if it is text"
            raise yaml.MarkedYAMLError(None, None, problem, node.start_mark) from None


class YamlFile:
    """One parsed YAML document that remembers where each value stands.

    Attributes:
        path: The file.
        content: The document as plain data.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            if path.exists() and not path.is_file():
                raise UsageError(f"{path} is not a plain file", "take it away")
            if path.stat().st_size > MAX_BYTES:
                raise UsageError(f"{path} is larger than {MAX_BYTES // 1024} KiB", "is it a task?")
            text = path.read_text(encoding="utf-8")
            self._refuse_deep_nesting(text)
            loader = _Loader(text)
            try:
                self._node = loader.get_single_node()
                self._refuse_duplicate_keys()
                self.content: Any = loader.construct_document(self._node) if self._node else None
            finally:
                loader.dispose()
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise UsageError(f"{path}:{line}: not valid YAML: {error.problem}") from None
        except yaml.reader.ReaderError as error:
            line = text.encode()[: error.position].count(b"\n") + 1
            raise UsageError(f"{path}:{line}: not valid YAML: {error.reason}") from None
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError(f"{path}: cannot be read: {error}") from None

    def mapping(self, what: str) -> dict[str, Any]:
        """The document, which must be a mapping.

        Raises:
            UsageError: If it is something else; ``what`` says what was expected.
        """
        if not isinstance(self.content, dict):
            raise UsageError(f"{self.path}:1: expected a mapping that describes {what}")
        return self.content

    def validate(self, model: type[_Model], raw: object, at: Sequence[str | int] = ()) -> _Model:
        """Turn ``raw``, found at the path ``at`` of the document, into a model.

        Raises:
            UsageError: With file, line and key, and what was expected.
        """
        try:
            return model.model_validate(raw)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            location = (*at, *first["loc"])
            key = ".".join(str(part) for part in first["loc"])
            message = first["msg"].removeprefix("Value error, ")
            hint = None
            if first["type"] == "extra_forbidden":
                message = "is not a known key"
                hint = did_you_mean(str(first["loc"][-1]), model.model_fields)
            where = f"{self.path}:{self.line(location)}"
            raise UsageError(f"{where}: {key + ': ' if key else ''}{message}", hint) from None

    def line(self, location: Sequence[str | int]) -> int:
        """Line (from 1) of the deepest part of ``location`` that the document has."""
        node = self._node
        line = 1
        for part in location:
            child = _child(node, part)
            if child is None:
                break
            line, node = child
        return line

    def _refuse_deep_nesting(self, text: str) -> None:
        depth = 0
        for event in yaml.parse(text, Loader=_Loader):
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > MAX_DEPTH:
                    line = event.start_mark.line + 1 if event.start_mark else 1
                    raise UsageError(f"{self.path}:{line}: nested more than {MAX_DEPTH} deep")
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1

    def _refuse_duplicate_keys(self) -> None:
        for node in _mappings(self._node):
            seen: set[str] = set()
            for key, _ in node.value:
                where = f"{self.path}:{key.start_mark.line + 1}"
                if not isinstance(key, yaml.ScalarNode):
                    raise UsageError(f"{where}: a key must be a word, not a list or a mapping")
                if key.value in seen:
                    raise UsageError(f"{where}: key {key.value!r} appears twice")
                seen.add(key.value)


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(part):
                return key.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        value = node.value[part]
        return value.start_mark.line + 1, value
    return None


def _mappings(root: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    pending = [root]
    visited: set[int] = set()
    while pending:
        node = pending.pop()
        if node is None or id(node) in visited:
            continue
        visited.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield node
            pending.extend(value for _, value in node.value)
        elif isinstance(node, yaml.SequenceNode):
            pending.extend(node.value)
