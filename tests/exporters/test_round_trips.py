"""Store → export → import → equal scores and samples, for both worlds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evalsuite.commands.export import export_command
from evalsuite.importers.archive import opened
from evalsuite.importers.eee import read_eee
from evalsuite.importers.inspect import read_inspect
from evalsuite.importers.lm_eval import read_lm_eval
from evalsuite.importers.mteb import read_mteb
from evalsuite.importers.records import ImportedScores
from evalsuite.importers.storing import put_new
from evalsuite.registry.load import Registry
from evalsuite.sample_texts import SampleTexts
from evalsuite.schema import Record
from evalsuite.store import Store
from tests.helpers.records import record

Rows = list[dict[str, Any]]

STS: Rows = [
    {"sample": str(n), "subset": "default", "gold": n / 2, "cosine": 0.5 + n / 10} for n in range(4)
]
SEARCH: Rows = [
    {
        "sample": f"q{n}",
        "subset": "default",
        "ndcg_at_10": 0.5 * n,
        "ap": 0.25,
        "documents": ["d/1", f"d{n}"],
        "score": 0.5 * n,
    }
    for n in range(3)
]
SETS: Rows = [
    {"sample": str(n), "subset": "default", "texts": 9, "clusters": 3, "score": 0.25 + n / 4}
    for n in range(3)
]
ANSWERS: Rows = [
    {
        "sample": f"quiz/{n}",
        "group": "",
        "score": float(n > 0),
        "prompt": f"Question {n} with é and\nlines?",
        "target": str(n),
        "response": f"It is {n}." if n else "",
        "extracted": str(n) if n else "",
        "parsed": n > 0,
    }
    for n in range(4)
]
PARTS: Rows = [
    {**row, "sample": f"{part}/{n}", "group": part, "score": float(n % 2)}
    for part in ("know_a", "know_b")
    for n, row in enumerate(ANSWERS[1:3])
]


def world(store: Store) -> list[Record]:
    """Scores of all sorts, in a store."""
    quiz = {"quiz": {"alias": "quiz", "exact_match,get": 0.75, "exact_match_stderr,get": 0.25}}
    know = {"know": {"acc,none": 0.5}, "know_a": {"acc,none": 0.5}, "know_b": {"acc,none": 0.5}}
    generative = {"world": "generative", "estimator": "mean", "direction": "higher"}
    for one, rows in (
        (record("sts", 1.0, metric="cosine_spearman", estimator="spearman", n=4), STS),
        (record("search", 0.5, metric="ndcg_at_10", estimator="mean", stderr=0.125, n=3), SEARCH),
        (record("sets", 0.5, metric="v_measure", estimator="mean", n=3), SETS),
        (
            record(
                "lm_eval:quiz",
                0.75,
                metric="exact_match,get",
                stderr=0.25,
                n=4,
                raw={"results": quiz, "n-samples": {"quiz": {"original": 4, "effective": 4}}},
                **generative,
            ),
            ANSWERS,
        ),
        (
            record(
                "lm_eval:know",
                0.5,
                metric="acc",
                n=4,
                raw={"results": know, "group_subtasks": {"know": ["know_a", "know_b"]}},
                **generative,
            ),
            PARTS,
        ),
    ):
        store.put(one, rows)
    return store.records()


def exported(name: str, folder: Path) -> tuple[Store, Path, list[str]]:
    store = Store(folder / "results")
    world(store)
    lines: list[str] = []
    export_command(
        name,
        folder / "out",
        store.root,
        Registry(),
        suite=None,
        checkpoints=(),
        tasks=(),
        card=None,
        say=lines.append,
    )
    return store, folder / "out", lines


def rows_of(store: Store, one: Record) -> Rows:
    import pyarrow.parquet as pq

    path = store.samples_path(one)
    return [] if path is None else list(pq.read_table(path).to_pylist())


def stored_again(found: ImportedScores, folder: Path) -> Store:
    store = Store(folder / "again")
    put_new(store, found)
    return store


Reader = Callable[..., ImportedScores]


@pytest.mark.parametrize(("name", "read"), [("inspect", read_inspect), ("eee", read_eee)])
def test_scores_and_samples_of_both_worlds_come_back(
    name: str, read: Reader, tmp_path: Path
) -> None:
    store, out, _ = exported(name, tmp_path)
    again = stored_again(read(out), tmp_path)
    came = {one.signature.task: one for one in again.records()}
    for one in store.records():
        back = came.pop(one.signature.task)
        assert back.origin is not None
        assert back.origin.format == name
        for field in ("score", "stderr", "n", "main_metric", "estimator", "metrics"):
            assert getattr(back, field) == getattr(one, field)
        if (name, one.signature.task) != ("eee", "sets"):  # no single text has a score
            assert rows_of(again, back) == rows_of(store, one)
    assert not came


def test_lm_eval_files_come_back(tmp_path: Path) -> None:
    store, out, lines = exported("lm-eval", tmp_path)
    assert any("sts was not computed by lm-eval" in line for line in lines)
    (file,) = out.rglob("results_*.json")
    again = stored_again(read_lm_eval(file, Registry()), tmp_path)
    came = {one.signature.task: one for one in again.records()}
    assert set(came) == {"lm_eval:quiz", "lm_eval:know"}
    for one in store.records():
        if (back := came.get(one.signature.task)) is None:
            continue
        assert (back.score, back.stderr, back.n) == (one.score, one.stderr, one.n)
        assert (back.main_metric, back.direction) == (one.main_metric, "higher")
        assert back.signature.dtype == one.signature.dtype
        assert rows_of(again, back) == rows_of(store, one)


def test_the_same_scores_give_the_same_files(tmp_path: Path) -> None:
    for name in ("eee", "inspect", "lm-eval"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name}2").mkdir()
        first = exported(name, tmp_path / name)[1]
        second = exported(name, tmp_path / f"{name}2")[1]
        content = {p.relative_to(first): p.read_bytes() for p in first.rglob("*.*")}
        assert content == {p.relative_to(second): p.read_bytes() for p in second.rglob("*.*")}


def test_rows_of_the_exchange_format_agree_with_their_scores(tmp_path: Path) -> None:
    """What the format's own validator does not look at."""
    _, out, _ = exported("eee", tmp_path)
    (path,) = (p for p in out.rglob("*.json"))
    content = json.loads(path.read_text())
    detail = content["detailed_evaluation_results"]
    rows = [json.loads(line) for line in (out / detail["file_path"]).read_text().splitlines()]
    assert len(rows) == detail["total_rows"]
    results = {one["evaluation_result_id"]: one for one in content["evaluation_results"]}
    by_result: dict[str, Rows] = {}
    for row in rows:
        by_result.setdefault(row["evaluation_result_id"], []).append(row)
    assert by_result.keys() <= results.keys()
    for key, own in by_result.items():
        assert len({row["sample_id"] for row in own}) == len(own)
        score = results[key]["score_details"]["score"]
        mean = sum(row["evaluation"]["score"] for row in own) / len(own)
        assert (mean == pytest.approx(score)) == ("spearman" not in key)


def mteb_scores(folder: Path) -> dict[str, tuple[float | None, str | None]]:
    found = read_mteb(folder, Registry())
    return {r.signature.task: (r.score, r.main_metric) for r, _ in found.records}


@pytest.mark.realdata
def test_real_results_of_mteb_come_back(shared_data: Path, tmp_path: Path) -> None:
    source = next(
        path for path in sorted((shared_data / "mteb-results").iterdir()) if path.is_dir()
    )
    store = Store(tmp_path / "results")
    found = read_mteb(source, Registry())
    put_new(store, found)
    lines: list[str] = []
    export_command(
        "mteb",
        tmp_path / "out",
        store.root,
        Registry(),
        suite=None,
        checkpoints=(),
        tasks=(),
        card=None,
        say=lines.append,
    )
    left_out = {line.split(": ")[2].split()[0] for line in lines if line.startswith("left out")}
    before = mteb_scores(source)
    (folder,) = (tmp_path / "out" / "results").iterdir()
    after = mteb_scores(folder)
    assert after == {task: score for task, score in before.items() if task not in left_out}
    assert len(after) > 10


def test_samples_bring_the_texts_that_the_store_has(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    items = [{**{k: row[k] for k in ("sample", "subset")}, "query": "What?"} for row in SEARCH]
    one = record("search", 0.5, metric="ndcg_at_10", estimator="mean", n=3)
    store.put(one, SEARCH, SampleTexts(items=items))
    lines: list[str] = []
    export_command(
        "inspect",
        tmp_path / "out",
        store.root,
        Registry(),
        suite=None,
        checkpoints=(),
        tasks=(),
        card=None,
        say=lines.append,
    )
    (path,) = (tmp_path / "out").glob("*.eval")
    with opened(path) as archive:
        assert archive.json("samples/q1_epoch_1.json")["input"] == "What?"
