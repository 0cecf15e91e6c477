"""Imports, layouts and published rows through the real command line."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

TABLE1 = ["79.5", "50.6", "87.2", "60.5", "57.4", "83.4", "30.4", "66.8"]
"""GritLM 7B in the paper's Table 1."""


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "evalsuite.cli", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )


def rows(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text)))


@pytest.mark.realdata
def test_gritlm_gives_the_papers_row_in_every_form(shared_data: Path, tmp_path: Path) -> None:
    files = shared_data / "mteb-results" / "GritLM__GritLM-7B"
    store = ["--out", str(tmp_path / "results")]
    done = command("import", "mteb", str(files), *store)
    assert done.returncode == 0, done.stderr
    again = command("import", "mteb", str(files), *store)
    assert "0 records new" in again.stdout

    for form in ("terminal", "markdown", "latex", "html"):
        shown = command("table", "--layout", "table1", "--format", form, *store).stdout
        assert all(score in shown for score in TABLE1), form
        assert "convention: paper" in shown
    [head, *body] = rows(command("table", "--layout", "table1", "--format", "csv", *store).stdout)
    labels = ["CLF", "Clust.", "Pair", "Rerank", "Retr.", "STS", "Summ.", "Avg"]
    columns = [head.index(f"Embedding/{label}") for label in labels]
    [gritlm] = body
    assert [f"{float(gritlm[column]):.1f}" for column in columns] == TABLE1

    leaderboard = command("table", "--layout", "table1", "--convention", "leaderboard", *store)
    assert "87.3" in leaderboard.stdout
    assert "87.2" not in leaderboard.stdout


@pytest.mark.realdata
def test_published_rows_stand_beside_measured_ones(shared_data: Path, tmp_path: Path) -> None:
    files = shared_data / "mteb-results" / "GritLM__GritLM-7B"
    store = ["--out", str(tmp_path / "results")]
    command("import", "mteb", str(files), *store)
    shown = command("table", "--layout", "per-dataset", "--with-published", *store).stdout
    for part in ("Published (GRIT paper, Table 26)", "Imported", "TwentyNewsgroupsClustering"):
        assert part in shown
    both = command("table", "--layout", "table2", "--with-published", *store)
    assert "0.0 set by convention" in both.stdout


def test_published_rows_need_no_store(tmp_path: Path) -> None:
    done = command(
        "table", "--layout", "table1", "--with-published", "--out", str(tmp_path / "none")
    )
    assert done.returncode == 0
    assert "GritLM 8x7B" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("import", "mteb", "nowhere"), 4, "nowhere is not a folder"),
        (("import", "lm-eval", "nowhere.json"), 4, "nowhere.json"),
        (("table", "--with-published"), 2, "published rows need a layout"),
        (("table", "--layout", "table9"), 2, "table9"),
        (
            ("table", "--layout", "table1", "--with-published", "--suite", "smoke"),
            2,
            "no published rows for the layout table1 of suite smoke",
        ),
    ],
)
def test_what_cannot_be_shown_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    done = command(*arguments, "--out", str(tmp_path / "results"))
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_file_of_something_else_imports_nothing(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"results": []}))
    done = command(
        "import", "lm-eval", str(tmp_path / "other.json"), "--out", str(tmp_path / "results")
    )
    assert done.returncode == 4
    assert "is not a result file of lm-eval" in done.stderr
    assert not (tmp_path / "results").exists()
