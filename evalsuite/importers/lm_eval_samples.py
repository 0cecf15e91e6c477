"""The samples that lm-eval writes beside a result file, one JSON object a line."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evalsuite.importers.files import finite, read_lines
from evalsuite.kinds.shared.sample_rows import INVALID, PLAIN_FILTER, sample_identity
from evalsuite.suspicions import UNPARSED_SHARE

_STAMP = re.compile(r"(?:results|.+(?=_\d{4}-\d\d-\d\dT))_(.+)\.json")
"""The name of a result file; its time stamp is that of the samples too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedSamples:
    """The samples of an entry."""

    rows: tuple[dict[str, Any], ...] = ()
    unparsed: Mapping[str, float] = field(default_factory=dict)
    """``unparsed``, and ``part/unparsed`` where it has parts: shares of answers in which nothing
    was found; empty where nothing is extracted."""
    complete: bool = False
    """Whether the samples of all parts are there."""


def logged_samples(
    path: Path, leaves: Sequence[str], key: str, outputs: Mapping[str, Any]
) -> LoggedSamples:
    """Read the samples that belong to a result file.

    Args:
        path: The result file.
        leaves: The tasks without parts that the score is over.
        key: ``metric,filter`` of the score.
        outputs: Task → its ``output_type``, where the file states it.

    Raises:
        DataError: If a file of samples cannot be read; names file and line.
    """
    metric, _, filter_name = key.partition(",")
    rows: list[dict[str, Any]] = []
    shares: dict[str, float] = {}
    there = 0
    for leaf in leaves:
        examples = [
            example
            for file in [_file(path, leaf)]
            if file is not None
            for example in read_lines(file)
            if example.get("filter", filter_name) == filter_name
        ]
        there += bool(examples)
        generates = outputs.get(leaf, "generate_until") == "generate_until"
        own = [_row(example, metric, generates=generates) for example in examples]
        rows += [
            sample_identity(leaf, example, len(leaves)) | row
            for example, row in zip(examples, own, strict=True)
        ]
        unparsed = sum(not row["parsed"] for row in own) / max(len(own), 1)
        generated = generates and any(_generated(example) is not None for example in examples)
        if generated and (filter_name != PLAIN_FILTER or unparsed >= UNPARSED_SHARE):
            shares[leaf] = unparsed
    return LoggedSamples(
        rows=tuple(rows),
        unparsed=_shares(rows, shares, len(leaves)),
        complete=there == len(leaves),
    )


def _shares(
    rows: Sequence[Mapping[str, Any]], shares: Mapping[str, float], leaves: int
) -> dict[str, float]:
    if not shares:
        return {}
    parts = {f"{leaf}/unparsed": share for leaf, share in shares.items()} if leaves > 1 else {}
    return {"unparsed": sum(not row["parsed"] for row in rows) / len(rows), **parts}


def _file(path: Path, task: str) -> Path | None:
    """The file with one task's samples that has the time stamp of the result file."""
    stamp = _STAMP.fullmatch(path.name)
    if stamp is None or Path(task).name != task:
        return None
    file = path.with_name(f"samples_{task}_{stamp[1]}.jsonl")
    return next((one for one in (file, file.with_name(f"{file.name}.gz")) if one.exists()), None)


def _row(example: Mapping[str, Any], metric: str, *, generates: bool) -> dict[str, Any]:
    generated = _generated(example) if generates else None
    extracted = _first(example.get("filtered_resps"))
    parsed = generated is None or extracted not in (INVALID, "", None)
    return {
        "score": finite(example.get(metric)),
        "prompt": _text(_prompt(example.get("arguments"))),
        "target": _text(example.get("target")),
        "response": generated or "",
        "extracted": _text(extracted) if parsed and generated is not None else "",
        "parsed": parsed,
    }


def _generated(example: Mapping[str, Any]) -> str | None:
    """The response; ``None`` for multiple choice, whose responses are log-likelihoods."""
    first = _first(_first(example.get("resps")))
    return first if isinstance(first, str) else None


def _prompt(arguments: object) -> object:
    """The text of the first request; newer files have names in the place of lists."""
    while isinstance(arguments, list | tuple | dict) and arguments:
        arguments = next(iter(arguments.values())) if isinstance(arguments, dict) else arguments[0]
    return arguments


def _first(value: object) -> Any:
    """The first item of a list of texts or lists; a text is its own."""
    if isinstance(value, list):
        value = value[0] if value else None
    return value if isinstance(value, str | list) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
