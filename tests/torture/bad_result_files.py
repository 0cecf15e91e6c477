"""Other people's result files, and stores, that are wrong or meant to harm."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from bad_checkpoints import Build

MTEB: dict[str, Any] = {
    "task_name": "STSBenchmark",
    "mteb_version": "2.0.0",
    "scores": {"test": [{"hf_subset": "default", "main_score": 0.5, "cosine_spearman": 0.5}]},
}
LM_EVAL: dict[str, Any] = {
    "results": {"gsm8k": {"exact_match,strict-match": 0.5}},
    "config": {"model_args": "pretrained=org/model"},
}


def _text(content: Any) -> bytes:
    if isinstance(content, bytes):
        return content
    return content.encode() if isinstance(content, str) else json.dumps(content).encode()


def _mteb(content: Any, name: str = "STSBenchmark.json") -> Build:
    def build(folder: Path) -> list[str]:
        inside = folder / "org__model" / "main"
        inside.mkdir(parents=True)
        (inside / name).write_bytes(_text(content))
        return ["import", "mteb", str(folder)]

    return build


def _lm_eval(content: Any) -> Build:
    def build(folder: Path) -> list[str]:
        (folder / "results_1.json").write_bytes(_text(content))
        return ["import", "lm-eval", str(folder / "results_1.json")]

    return build


def _samples(content: Any) -> Build:
    def build(folder: Path) -> list[str]:
        (folder / "samples_gsm8k_1.jsonl").write_bytes(_text(content))
        return _lm_eval(LM_EVAL)(folder)

    return build


def _two_models(folder: Path) -> list[str]:
    for model in ("a__x", "b__y"):
        (folder / model).mkdir()
        (folder / model / "STSBenchmark.json").write_bytes(_text(MTEB))
    return ["import", "mteb", str(folder), "--name", "one"]


def _huge(folder: Path) -> list[str]:
    path = folder / "results_1.json"
    with path.open("wb") as file:
        file.truncate(5 << 30)
    return ["import", "lm-eval", str(path)]


def _pipe(folder: Path) -> list[str]:
    os.mkfifo(folder / "results_1.json")
    return ["import", "lm-eval", str(folder / "results_1.json")]


def _store(content: bytes) -> Build:
    """A store of which no record can be read."""

    def build(folder: Path) -> list[str]:
        (folder / "m-12345678").mkdir()
        (folder / "m-12345678" / "t.12345678.r1.json").write_bytes(content)
        return ["table", "--out", str(folder)]

    return build


def _scores(**metrics: Any) -> dict[str, Any]:
    return MTEB | {"scores": {"test": [{"hf_subset": "default", **metrics}]}}


CASES: dict[str, Build] = {
    "mteb: a folder that is not there": lambda f: ["import", "mteb", str(f / "none")],
    "mteb: an empty folder": lambda f: ["import", "mteb", str(f)],
    "mteb: no JSON": _mteb("{"),
    "mteb: no text": _mteb(b"\xff\xfe"),
    "mteb: a list": _mteb([1, 2]),
    "mteb: nested 100,000 deep": _mteb('{"scores":' + "[" * 100_000),
    "mteb: nested 60 deep": _mteb({**MTEB, "x": json.loads("[" * 60 + "]" * 60)}),
    "mteb: a score of 70": _mteb(_scores(main_score=70, cosine_spearman=70)),
    "mteb: a score that is a text": _mteb(_scores(main_score="0.5")),
    "mteb: somebody else's file": _mteb({"accuracy": 0.5}, "settings.json"),
    "mteb: scores that are a number": _mteb(MTEB | {"scores": 3}),
    "mteb: scores of numbers": _mteb(MTEB | {"scores": {"test": [1]}}),
    "mteb: a task that is a path": _mteb(MTEB | {"task_name": "../../up"}),
    "mteb: a task that is a list": _mteb(MTEB | {"task_name": [1]}),
    "mteb: a number of 10,000 digits": _mteb(
        '{"task_name": "STSBenchmark", "scores": {"test": [{"main_score": ' + "9" * 10_000 + "}]}}"
    ),
    "mteb: keys twice": _mteb(
        '{"task_name": "STSBenchmark", "scores": {"test": '
        '[{"main_score": 0.9, "main_score": 0.1}]}}'
    ),
    "mteb: half a character": _mteb('{"task_name": "\\ud800", "scores": {}}'),
    "mteb: one name for two models": _two_models,
    "lm-eval: a folder": lambda f: ["import", "lm-eval", str(f)],
    "lm-eval: five gigabytes": _huge,
    "lm-eval: a pipe": _pipe,
    "lm-eval: no JSON": _lm_eval("results"),
    "lm-eval: no results": _lm_eval({"results": {}}),
    "lm-eval: results that are a list": _lm_eval({"results": [1]}),
    "lm-eval: a task that is a number": _lm_eval({"results": {"gsm8k": 5}}),
    "lm-eval: a group in itself": _lm_eval(
        LM_EVAL | {"results": {"g": {"alias": "g"}}, "group_subtasks": {"g": ["g"]}}
    ),
    "lm-eval: a limit that is a text": _lm_eval(LM_EVAL | {"config": {"limit": "many"}}),
    "lm-eval: keys twice": _lm_eval(
        '{"results": {"gsm8k": {"exact_match,none": 0.9, "exact_match,none": 0.1}}}'
    ),
    "lm-eval: a key twice behind 300,000 others": _lm_eval(
        '{"results": {' + "".join(f'"t{n}": 1, ' for n in range(300_000)) + '"a": 1, "a": 2}}'
    ),
    "lm-eval: arguments that are a list": _lm_eval(LM_EVAL | {"config": {"model_args": [1]}}),
    "lm-eval: a task with a line break": _lm_eval({"results": {"a\nb": {"acc,none": 0.5}}}),
    "lm-eval: samples that are no JSON": _samples("{\n"),
    "lm-eval: samples that are a list": _samples("[1]\n"),
    "lm-eval: samples nested 100,000 deep": _samples('{"doc":' + "[" * 100_000 + "\n"),
    "a store of noise": _store(b"\xff\xfe\x00{"),
    "a store of another schema": _store(b'{"schema_version": 99}'),
    "a store nested 100,000 deep": _store(b'{"a":' + b"[" * 100_000),
}  # fmt: skip
