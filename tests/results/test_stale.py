"""Stored scores whose task, data or code has changed since."""

from __future__ import annotations

from pathlib import Path

import pytest

from evalsuite.data import files_info
from evalsuite.kinds.task import Task
from evalsuite.registry.load import Registry
from evalsuite.results.stale import with_stale
from evalsuite.schema import DataInfo, Origin, Record, Suspicion
from helpers.records import suite_records

REGISTRY = Registry.load()


def record() -> Record:
    """A score of ``smoke-sts``, as it is now."""
    found = next(r for r in suite_records() if r.signature.task == "smoke-sts")
    files = REGISTRY.task("smoke-sts").data
    assert files is not None
    return found.model_copy(update={"data": files_info(files)})


def found(one: Record, tasks: dict[str, Task] | None = None) -> list[Suspicion]:
    [after] = with_stale([one], REGISTRY.tasks if tasks is None else tasks)
    assert after.model_copy(update={"suspicions": ()}) == one
    return list(after.suspicions)


def signed(one: Record, **changes: object) -> Record:
    return one.model_copy(update={"signature": one.signature.model_copy(update=changes)})


def test_what_is_up_to_date() -> None:
    assert found(record()) == []
    assert found(signed(record(), task_hash=REGISTRY.task("smoke-sts").quickened().hash)) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"task_hash": "0" * 64}, "the task's definition"),
        ({"code": 0}, "evalsuite's code for scores (version 0, 1 now)"),
    ],
)
def test_definition_and_code(changes: dict[str, object], words: str) -> None:
    [suspicion] = found(signed(record(), **changes))
    assert suspicion.code == "stale"
    assert suspicion.what == f"{words} changed after this was measured"


def test_a_score_of_one_split_where_mteb_takes_the_mean_over_several() -> None:
    """Such scores were stored before a score could have several splits."""
    task = REGISTRY.task("mteb:STSB")
    before = signed(record(), task="mteb:STSB", task_hash=task.hash)
    [suspicion] = found(before)
    assert suspicion.what == "the splits that are scored changed after this was measured"
    assert found(signed(before, splits="validation+test")) == []
    whole = REGISTRY.task("mteb:STSBenchmark")
    assert found(signed(record(), task="mteb:STSBenchmark", task_hash=whole.hash)) == []


def test_data() -> None:
    other = DataInfo(hash="1" * 64, source="built-in")
    [suspicion] = found(record().model_copy(update={"data": other}))
    assert suspicion.what.startswith("the task's data changed")


def test_what_cannot_be_known() -> None:
    one = signed(record(), task_hash="0" * 64)
    assert found(one, {}) == [], "no task of this name"
    origin = Origin(format="mteb", file="x.json", sha256="0" * 64, harness="mteb 1")
    assert found(one.model_copy(update={"origin": origin})) == [], "imported"
    gone = REGISTRY.task("smoke-sts").model_copy(update={"data": {"test": Path("gone")}})
    assert found(signed(record(), task_hash=gone.hash), {"smoke-sts": gone}) == [], "no data here"
