"""``evalsuite compare``, from stored samples to table and figure."""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalsuite.errors import UsageError
from evalsuite.results.rows import plan_rows
from evalsuite.results.scores import choose
from evalsuite.results.tables.comparison import significance
from evalsuite.schema import digest
from evalsuite.store import Store
from helpers.command_line import command
from helpers.records import record, scored

RNG = np.random.default_rng(31)
BASE = RNG.random(60)
BETTER = np.clip(BASE + 0.2 + 0.05 * RNG.normal(size=60), 0, 1)
ALIKE = BASE + 0.002 * RNG.normal(size=60)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three checkpoints on two tasks; the third lacks one of them."""
    folder = tmp_path_factory.mktemp("results")
    made = Store(folder)
    made.prepare()
    tasks: dict[str, dict[str, Any]] = {
        "old": {"smoke-ret-alike": BASE, "smoke-sts-like": BASE},
        "new": {"smoke-ret-alike": BETTER, "smoke-sts-like": ALIKE},
        "part": {"smoke-ret-alike": BASE},
    }
    for name, values in tasks.items():
        for task, scores in values.items():
            made.put(record(task, float(scores.mean()), checkpoint=name, n=60), scored(scores))
    return folder


def compare(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return command("compare", *arguments, "--out", store)


def test_a_difference_is_found_marked_and_drawn(store: Path, tmp_path: Path) -> None:
    figure = tmp_path / "forest.svg"
    done = compare(store, "old", "new", "--margin", "1", "--figure", str(figure))
    assert done.returncode == 0, done.stderr
    better, alike = (
        next(line for line in done.stdout.splitlines() if line.startswith(task))
        for task in ("smoke-ret-alike", "smoke-sts-like")
    )
    assert f"+{100 * (BETTER.mean() - BASE.mean()):.1f}***" in better
    assert "<0.001" in better
    assert "≈" in alike
    assert "permutation, seed 42 (smoke-ret-alike, smoke-sts-like)" in done.stdout
    text = figure.read_text()
    assert "smoke-ret-alike" in text
    assert "Δ against old, 95 % interval" in text


@pytest.mark.parametrize(
    ("form", "part"),
    [
        ("markdown", "<sup>***</sup>"),
        ("latex", r"\textsuperscript{***}"),
        ("html", "<sup>***</sup>"),
    ],
)
def test_marks_are_in_every_form(store: Path, form: str, part: str) -> None:
    assert part in compare(store, "old", "new", "--format", form).stdout


def test_csv_is_tidy_and_has_the_numbers_in_full(store: Path) -> None:
    text = compare(store, "old", "new", "part", "--format", "csv").stdout
    rows = {(row["candidate"], row["task"]): row for row in csv.DictReader(io.StringIO(text))}
    assert len(rows) == 4, "one row a task and pair"
    assert {row["baseline"] for row in rows.values()} == {"old"}
    better = rows["new", "smoke-ret-alike"]
    assert float(better["delta"]) == pytest.approx(100 * (BETTER - BASE).mean())
    assert float(better["low"]) < float(better["delta"]) < float(better["high"])
    assert int(better["won"]) == (BETTER > BASE).sum()
    assert (better["level"], better["metric"], better["samples"]) == ("task", "accuracy", "60")
    lacking = rows["part", "smoke-sts-like"]
    assert (lacking["delta"], lacking["note"]) == ("", "not compared: part has no score")


def test_several_candidates_stand_side_by_side_and_gaps_are_named(store: Path) -> None:
    shown = compare(store, "old", "new", "part", "--format", "markdown").stdout
    assert "new against old" in shown
    assert "part against old" in shown
    assert "not compared: smoke-sts-like: part has no score" in shown


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("old",), "compare needs a baseline and a candidate"),
        (("old", "nwe"), "no scores of 'nwe' are stored here; did you mean new"),
        (("old", "new", "--figure", "f.gif"), "f.gif: unknown figure format"),
    ],
)
def test_what_is_wrong_is_one_line(store: Path, arguments: tuple[str, ...], message: str) -> None:
    done = compare(store, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_protocols_of_one_checkpoint_have_to_be_told_apart() -> None:
    records = [
        record("t", 0.5, attention="causal"),
        record("t", 0.6, attention="bidirectional"),
    ]
    rows = plan_rows(records)
    assert choose(rows, "m/attn:causal").records["t"].score == 0.5
    assert choose(rows, "m/attn:bi").records["t"].score == 0.6
    with pytest.raises(
        UsageError, match=r"under 2 protocols; name one: m/attn:causal or m/attn:bi"
    ):
        choose(rows, "m")
    assert choose(plan_rows(records[:1]), digest("m")[:8]).records["t"].score == 0.5


@pytest.mark.parametrize(
    ("p", "mark"),
    [(0.0009, "***"), (0.001, "**"), (0.0099, "**"), (0.01, "*"), (0.05, ""), (None, "")],
)
def test_marks_of_significance(p: float | None, mark: str) -> None:
    assert significance(p) == mark
