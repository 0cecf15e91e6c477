"""Result files of lm-eval: ``results_….json``, and ``samples_….jsonl`` beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from evalsuite.exporters.base import (
    Chosen,
    Rows,
    Run,
    Written,
    folder_name,
    write_json,
    write_lines,
)
from evalsuite.kinds.shared.sample_rows import INVALID, PLAIN_FILTER, stated_identity
from evalsuite.schema import Record, digest

KEPT: Final = ("group_subtasks", "versions", "n-shot", "n-samples")
"""Parts of lm-eval's result beside ``results`` that are keyed by task."""
NOT_MODEL: Final = "imported"


@dataclass(slots=True)
class _File:
    """One result file: entries that were evaluated alike."""

    header: dict[str, Any]
    created: datetime
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    samples: dict[str, Rows] = field(default_factory=dict)


def write(chosen: Chosen, folder: Path) -> Written:
    """Write the scores that lm-eval computed, with their samples.

    Tasks that were evaluated alike are in one file; those with another limit, template or number
    of examples, and a second score of one task, in a file of their own.
    """
    paths: list[Path] = []
    left_out: list[str] = []
    for run in chosen.runs:
        files: list[_File] = []
        for record in run.records:
            where = f"{run.label}: {record.signature.task}"
            if not isinstance(record.raw.get("results"), dict) or not record.raw["results"]:
                left_out.append(f"{where} was not computed by lm-eval")
                continue
            left_out += [f"{where} {line}" for line in _add(files, run, record, chosen)]
        place = folder / folder_name(run.label if len(chosen.runs) > 1 else run.model)
        paths += _written(files, place)
    return Written(files=tuple(paths), left_out=tuple(left_out))


def _written(files: Sequence[_File], place: Path) -> list[Path]:
    paths: list[Path] = []
    used: set[datetime] = set()
    for file in files:
        created = file.created
        while created in used:
            created += timedelta(microseconds=1)
        used.add(created)
        stamp = created.strftime("%Y-%m-%dT%H-%M-%S.%f")
        content = {**file.tables, **file.header}
        paths.append(write_json(place / f"results_{stamp}.json", content))
        for leaf, rows in file.samples.items():
            paths.append(write_lines(place / f"samples_{folder_name(leaf)}_{stamp}.jsonl", rows))
    return paths


def _add(files: list[_File], run: Run, record: Record, chosen: Chosen) -> list[str]:
    """Put a record into the file that it fits; gives what could not be taken along."""
    header, tables = _header(run, record), _tables(record)
    fitting = (
        file
        for file in files
        if file.header == header and not file.tables["results"].keys() & tables["results"].keys()
    )
    file = next(fitting, None)
    if file is None:
        file = _File(header, record.created)
        files.append(file)
    file.created = max(file.created, record.created)
    for name, table in tables.items():
        file.tables.setdefault(name, {}).update(table)
    samples, lines = _samples(record, chosen.samples(record))
    file.samples.update(samples)
    return lines


def _tables(record: Record) -> dict[str, dict[str, Any]]:
    """Scores, groups, versions and sizes, keyed by task."""
    raw, entry = record.raw, _entry(record)
    scored = {**raw["results"], **raw.get("groups", {})}
    results = {name: dict(table) for name, table in scored.items()}
    key, leaves = _key(record), _leaves(record)
    metric, _, filter_ = key.partition(",")
    own = results.setdefault(entry, {"alias": entry})
    if key not in own:  # a mean over parts that lm-eval has no score for
        own[key] = record.score
        if record.stderr is not None:
            own[f"{metric}_stderr,{filter_}"] = record.stderr
    # Readers take a task's first metric for the one that counts.
    results[entry] = {key: own[key], **own}
    tables = {name: dict(raw.get(name, {})) for name in KEPT}
    if leaves != [entry]:
        tables["group_subtasks"].setdefault(entry, leaves)
    if record.n is not None and not tables["n-samples"]:
        tables["n-samples"][entry] = {"original": record.n, "effective": record.n}
    if record.signature.shots is not None and not tables["n-shot"]:
        tables["n-shot"] = dict.fromkeys(leaves, record.signature.shots)
    if (version := record.details.get("version")) is not None and not tables["versions"]:
        tables["versions"] = {entry: version}
    if record.direction is not None:
        better = {metric: record.direction == "higher"}
        tables["higher_is_better"] = dict.fromkeys((entry, *leaves), better)
    return {"results": results, **tables}


def _entry(record: Record) -> str:
    """lm-eval's name of the task: the entry that is a part of no other."""
    raw = record.raw
    inside = {part for parts in raw.get("group_subtasks", {}).values() for part in parts}
    groups = [name for name, parts in raw.get("group_subtasks", {}).items() if parts]
    tops = [name for name in (*groups, *raw["results"]) if name not in inside]
    return str(tops[0] if tops else next(iter(raw["results"])))


def _leaves(record: Record) -> list[str]:
    """The tasks without parts that a score is over."""
    entry, groups = _entry(record), record.raw.get("group_subtasks", {})
    if not groups.get(entry):
        # Of an imported group, only the names of its parts are kept.
        return [name for name in record.raw["results"] if name != entry] or [entry]
    found: list[str] = []
    waiting = list(groups[entry])
    while waiting:
        name = waiting.pop(0)
        if parts := groups.get(name):
            waiting = [*parts, *waiting]
        elif name not in found:
            found.append(name)
    return found


def _key(record: Record) -> str:
    metric = record.main_metric or ""
    return metric if "," in metric else f"{metric},{PLAIN_FILTER}"


def _header(run: Run, record: Record) -> dict[str, Any]:
    """What a file says of the model and of how all its tasks were evaluated."""
    signature = record.signature
    arguments = {
        "pretrained": run.model,
        "dtype": signature.dtype if signature.dtype != NOT_MODEL else None,
        "max_length": signature.max_length,
        "enable_prefix_caching": signature.prefix_caching,
    }
    stated = {key: value for key, value in arguments.items() if value is not None}
    template = signature.chat_template
    found: dict[str, Any] = {
        "config": {
            "model": signature.engine,
            "model_args": stated,
            "device": signature.device,
            "model_dtype": signature.dtype,
            "model_sha": run.revision,
            "fewshot_seed": signature.seed,
            **({} if signature.limit is None else {"limit": signature.limit}),
        },
        "lm_eval_version": signature.harness.removeprefix("lm-eval "),
        "model_name": run.model,
        "model_source": signature.engine,
        "model_name_sanitized": folder_name(run.model),
        "evalsuite": {"label": run.label, "fingerprint": run.fingerprint},
    }
    if template is not None:
        has = template != "none"
        found |= {"chat_template": None, "chat_template_sha": template if has else None}
    return found


def _samples(record: Record, rows: Rows) -> tuple[dict[str, Rows], list[str]]:
    """lm-eval's lines by task, and what has none."""
    leaves = _leaves(record)
    found: dict[str, Rows] = {}
    homeless = 0
    for row in rows:
        leaf = _leaf(row, leaves)
        if leaf is None:
            homeless += 1
            continue
        own = found.setdefault(leaf, [])
        own.append(_line(row, _key(record), len(own)))
    lines = [f"has {homeless} samples that state no task of lm-eval's"] if homeless else []
    return found, lines


def _leaf(row: Mapping[str, Any], leaves: Sequence[str]) -> str | None:
    """The task that a sample is of."""
    if len(leaves) == 1:
        return leaves[0]
    named = str(row["sample"]).rpartition("/")[0]
    return next((name for name in (named, row.get("group")) if name in leaves), None)


def _line(row: Mapping[str, Any], key: str, number: int) -> dict[str, Any]:
    """A sample as lm-eval writes it."""
    metric, _, filter_ = key.partition(",")
    prompt, target = str(row.get("prompt") or ""), str(row.get("target") or "")
    own = stated_identity(row)
    hashes = {"doc_hash": own, "prompt_hash": prompt, "target_hash": target}
    values = json.loads(row["logprobs"]) if row.get("logprobs") else None
    if values is not None:
        response: Any = [[[value, False]] for value in values]
        filtered: Any = [[value, False] for value in values]
    elif row.get("response") or row.get("parsed") is False:
        response = [[str(row["response"])]]
        filtered = [row["extracted"] if row.get("parsed", True) else INVALID]
    else:
        response, filtered = [], []
    return {
        "doc_id": number,
        "doc": own,
        "target": target,
        "arguments": {"gen_args_0": {"arg_0": prompt, "arg_1": row.get("response") or ""}},
        "resps": response,
        "filtered_resps": filtered,
        "filter": filter_,
        "metrics": [metric],
        **{name: digest(value) for name, value in hashes.items()},
        **({} if row.get("score") is None else {metric: row["score"]}),
    }
