"""A model card that gets scores, and nothing else of it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from evalsuite.errors import DataError, StoreError
from evalsuite.exporters.base import write_bytes

KEY: Final = "model-index"
LARGEST: Final = 4 * 2**20
"""Bytes of a card."""
FENCE: Final = "---"


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A card as it was and as it will be."""

    path: Path
    before: bytes
    after: bytes

    def save(self) -> Path:
        """Keep the card as it was beside it, and write the new one.

        Returns:
            The file that holds the card as it was.

        Raises:
            StoreError: If a file cannot be written.
        """
        number, backup = 0, self.path.with_name(f"{self.path.name}.before")
        while backup.exists() and backup.read_bytes() != self.before:
            number += 1
            backup = self.path.with_name(f"{self.path.name}.before-{number}")
        write_bytes(backup, self.before)
        write_bytes(self.path, self.after)
        return backup


def merged(path: Path, index: list[dict[str, Any]], mark: str) -> Change:
    """Put results into a card's ``model-index``.

    Only the text of this key changes, in the card's header; all other lines, comments included,
    stay byte for byte. Results of others stay; those whose metrics all end in ``mark`` are of an
    earlier export and give way.

    Args:
        path: The card, with or without a header.
        index: One model with its results.
        mark: How the names of our metrics end.

    Raises:
        DataError: If the card cannot be read, or its header is not what huggingface_hub reads.
        StoreError: If it cannot be written.
    """
    before = _read(path)
    text = before.decode()
    end = "\r\n" if text.startswith(f"{FENCE}\r\n") else "\n"
    opening = f"{FENCE}{end}"
    if text.startswith(opening):
        header, closing, body = _split(path, text, opening, end)
    else:
        header, closing, body = "", opening, text
    known = _header(path, header)
    block = _block({KEY: _joined(path, known.get(KEY), index, mark)}).replace("\n", end)
    start, stop = _place(header)
    lead = end if start == len(header) and header and not header.endswith(end) else ""
    changed = header[:start] + lead + block + header[stop:]
    after = opening + changed + closing + body
    _check(path, known, after, body)
    return Change(path=path, before=before, after=after.encode())


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise DataError(f"{path} is not a file", "give the model card, README.md")
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path} has more than {LARGEST // 2**20} MiB", "is it a model card?")
        content = path.read_bytes()
        content.decode()
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}", "check the file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text", "save it as UTF-8") from error
    return content


def _split(path: Path, text: str, opening: str, end: str) -> tuple[str, str, str]:
    """Header, the line that closes it, and the rest."""
    inside = text[len(opening) :]
    if inside.startswith(opening):
        return "", opening, inside[len(opening) :]
    place = inside.find(f"{end}{FENCE}{end}")
    if place < 0 and inside.endswith(f"{end}{FENCE}"):
        place = len(inside) - len(f"{end}{FENCE}")
    if place < 0:
        raise DataError(f"{path} has a header without an end", f"close it with a line {FENCE}")
    cut = place + len(end)
    closing = f"{FENCE}{end}" if inside[cut:].startswith(f"{FENCE}{end}") else FENCE
    return inside[:cut], closing, inside[cut + len(closing) :]


def _header(path: Path, header: str) -> dict[str, Any]:
    import yaml

    try:
        found = yaml.safe_load(header)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        where = getattr(error, "problem_mark", None)
        line = f":{where.line + 2}" if where else ""
        what = getattr(error, "problem", None) or "it cannot be read"
        raise DataError(f"{path}{line}: the header is not valid YAML: {what}") from None
    if found is None:
        return {}
    node = yaml.compose(header, Loader=yaml.SafeLoader)
    if not isinstance(found, dict) or not isinstance(node, yaml.MappingNode) or node.flow_style:
        raise DataError(f"{path}: the header is not a list of keys, one a line", "write it so")
    if [key.value for key, _ in node.value].count(KEY) > 1:
        raise DataError(f"{path}: {KEY} stands twice in the header", "keep one")
    return found


def _place(header: str) -> tuple[int, int]:
    """Where ``model-index`` stands in the header; its end where it does not."""
    import yaml

    node = yaml.compose(header, Loader=yaml.SafeLoader)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == KEY:
                start, stop = key.start_mark.index, value.end_mark.index
                # The mark of a block's end is where the next key begins; comments before it stay.
                lines = header[start:stop].splitlines(keepends=True)
                while len(lines) > 1 and (not lines[-1].strip() or lines[-1].startswith("#")):
                    lines.pop()
                stop = start + len("".join(lines))
                rest = header[stop:].partition("\n")
                return start, stop if lines[-1].endswith("\n") else stop + len(rest[0] + rest[1])
    return len(header), len(header)


def _joined(path: Path, there: Any, index: list[dict[str, Any]], mark: str) -> list[dict[str, Any]]:
    """The card's model with our results after those of others."""
    new = index[0]
    if not there:
        return index
    models = isinstance(there, list) and all(isinstance(one, Mapping) for one in there)
    if not models or not all(isinstance(one.get("results", []), list) for one in there):
        raise DataError(f"{path}: {KEY} is not a list of models with results", "correct it")
    named = [one for one in there if one.get("name") == new["name"]]
    target = named[0] if named else there[0] if len(there) == 1 else None
    if target is None:
        return [*there, new]
    others = [one for one in target.get("results", []) if not _is_ours(one, mark)]
    joined = {**target, "results": [*others, *new["results"]]}
    return [joined if one is target else one for one in there]


def _is_ours(result: Any, mark: str) -> bool:
    metrics = result.get("metrics") if isinstance(result, Mapping) else None
    if not isinstance(metrics, list) or not metrics:
        return False
    return all(isinstance(m, Mapping) and str(m.get("name", "")).endswith(mark) for m in metrics)


def _block(content: Mapping[str, Sequence[Any]]) -> str:
    from huggingface_hub.utils import yaml_dump

    return str(yaml_dump(content, sort_keys=False))


def _check(path: Path, known: Mapping[str, Any], after: str, body: str) -> None:
    """Refuse a merge that huggingface_hub reads otherwise than it is meant."""
    import yaml
    from huggingface_hub import RepoCard

    try:
        card = RepoCard(after, ignore_metadata_errors=True)
        start = after.index(FENCE) + len(FENCE)
        header = yaml.safe_load(after[start : after.index(f"\n{FENCE}", start) + 1]) or {}
    except (ValueError, TypeError, yaml.YAMLError) as error:
        raise DataError(f"{path} is not a card that huggingface_hub reads: {error}") from None
    kept = {key: value for key, value in header.items() if key != KEY}
    if kept != {key: value for key, value in known.items() if key != KEY} or card.text != body:
        raise DataError(
            f"{path} cannot be merged without a change to the rest of it", "do it by hand"
        )
