"""Logs of inspect: all their packings, whose score counts, and damaged ones."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from evalsuite.errors import DataError
from evalsuite.importers.archive import opened
from evalsuite.importers.inspect import read_inspect
from evalsuite.importers.records import ImportedScores
from evalsuite.schema import Record


def only(found: ImportedScores) -> tuple[Record, tuple[dict[str, Any], ...]]:
    ((record, samples),) = found.records
    return record, samples


def log(values: list[Any], **more: Any) -> dict[str, Any]:
    """The members of a log whose samples have these values."""
    accuracy = {"accuracy": {"name": "accuracy", "value": 0.5}, "stderr": {"value": 0.25}}
    spec = {
        "task": "arc_easy",
        "model": "hf/org/model",
        "dataset": {"samples": len(values)},
        "config": {"limit": 4},
        "created": "2026-01-02T03:04:05+00:00",
        "packages": {"inspect_ai": "0.3.285"},
    }
    header = {
        "version": 2,
        "status": "success",
        "eval": spec,
        "results": {"scores": [{"name": "choice", "scorer": "choice", "metrics": accuracy}]},
    }
    members: dict[str, Any] = {"header.json": header | more}
    for number, value in enumerate(values):
        members[f"samples/{number}_epoch_1.json"] = {
            "id": number,
            "epoch": 1,
            "input": [{"role": "user", "content": [{"type": "text", "text": "attachment://ab"}]}],
            "target": ["B"],
            "output": {"choices": [{"message": {"role": "assistant", "content": "It is B"}}]},
            "scores": {"choice": {"value": value, "answer": "B"}},
            "attachments": {"ab": f"Question {number}"},
        }
    return members


def packed(path: Path, members: dict[str, Any], method: int) -> Path:
    """A zip file; method 93 is Zstandard, in two frames, as inspect writes long members."""
    with zipfile.ZipFile(path, "w", 0 if method == 93 else method) as archive:
        for name, content in members.items():
            raw = json.dumps(content).encode()
            if method == 93:
                codec = pa.Codec("zstd")
                raw = b"".join(codec.compress(part, asbytes=True) for part in (raw[:20], raw[20:]))
            archive.writestr(name, raw)
    if method == 93:  # as Zstandard, which Python's zipfile cannot write
        content = bytearray(path.read_bytes())
        for signature, place in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            start = content.find(signature)
            while start >= 0:
                content[start + place] = 93
                start = content.find(signature, start + 1)
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, 93]
)
def test_logs_of_inspect_in_any_packing(method: int, tmp_path: Path) -> None:
    path = packed(tmp_path / "one.eval", log(["C", "I", 1, 0.0]), method)
    record, samples = only(read_inspect(path))
    assert (record.score, record.stderr, record.n, record.estimator) == (0.5, 0.25, 4, "mean")
    assert record.signature.task == "inspect:arc_easy"
    assert record.signature.limit == 4
    assert record.checkpoint.source == "hf/org/model"
    assert record.origin is not None
    assert record.origin.harness == "inspect 0.3.285"
    assert [sample["score"] for sample in samples] == [1, 0, 1, 0]
    assert samples[1]["prompt"] == "Question 1"
    assert (samples[0]["target"], samples[0]["response"]) == ("B", "It is B")


def test_a_mean_that_is_not_of_the_samples_is_not_paired(tmp_path: Path) -> None:
    path = packed(tmp_path / "one.eval", log(["C", "C", {"a": 1}]), zipfile.ZIP_DEFLATED)
    record, samples = only(read_inspect(path))
    assert record.estimator == "other"
    assert [sample["score"] for sample in samples] == [1, 1, None]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"_journal/start.json": {}}, "a run that did not end"),
        ({"other.json": {}}, "not a log of inspect"),
        (log([], version=9), "has version 9"),
        (log([], status="error"), "status 'error'"),
        (log([], results={"scores": []}), "has no score"),
        (log([], results=3), "has no score"),
    ],
)
def test_logs_that_cannot_be_taken(members: dict[str, Any], message: str, tmp_path: Path) -> None:
    path = packed(tmp_path / "one.eval", members, zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match=message):
        read_inspect(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, 93])
def test_damaged_logs_are_one_line(method: int, tmp_path: Path) -> None:
    path = packed(tmp_path / "one.eval", log(["C", "I"]), method)
    whole = path.read_bytes()
    for end in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:end])
        with pytest.raises(DataError, match="not a whole zip file"):
            read_inspect(path)
    broken = bytearray(whole)
    broken[60:90] = bytes(30)
    path.write_bytes(bytes(broken))
    with pytest.raises(DataError) as caught:
        read_inspect(path)
    assert "\n" not in str(caught.value)


def test_a_member_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evalsuite.importers.archive.MOST_BYTES", 1000)
    for method in (zipfile.ZIP_DEFLATED, 93):
        path = packed(tmp_path / f"{method}.zip", {"a": "x" * 5000, "b": "y"}, method)
        with opened(path) as archive:
            assert archive.json("b") == "y"
            with pytest.raises(DataError, match="goes beyond"):
                archive.json("a")


def test_a_deeply_nested_member_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", "[" * 100_000)
    with pytest.raises(DataError, match=r"header.json is (nested|not valid)"):
        read_inspect(path)
