"""Imports, layouts and published rows through the real command line."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from helpers.command_line import command

TABLE1 = ["79.5", "50.6", "87.2", "60.5", "57.4", "83.4", "30.4", "66.8"]
"""GritLM 7B in the paper's Table 1."""


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


@pytest.mark.parametrize(
    ("metrics", "code", "says"),
    [
        ({"exact_match,strict": 0.0}, 7, "suspect: lm_eval:a: nothing-parsed"),
        ({"exact_match,strict": float("nan")}, 1, "failed, for want of a finite score"),
    ],
)
def test_an_import_ends_as_a_run_does(
    tmp_path: Path, metrics: dict[str, float], code: int, says: str
) -> None:
    file = tmp_path / "results_1.json"
    file.write_text(json.dumps({"results": {"a": metrics}}))
    line = {"doc_id": 0, "resps": [["hm"]], "filtered_resps": ["[invalid]"], "exact_match": 0.0}
    (tmp_path / "samples_a_1.jsonl").write_text(json.dumps({**line, "filter": "strict"}))
    store = ["--out", str(tmp_path / "results")]
    done = command("import", "lm-eval", str(file), *store)
    assert done.returncode == code, done.stderr
    assert says in done.stdout + done.stderr
    shown = command("table", *store)
    assert ("failed" in shown.stdout, shown.returncode) == ((True, 0) if code == 1 else (False, 7))


def test_a_score_that_another_file_has_is_refused_in_one_line(tmp_path: Path) -> None:
    store = ["--out", str(tmp_path / "results")]
    for day, code in ((1, 0), (2, 4)):
        file = tmp_path / f"results_{day}.json"
        file.write_text(json.dumps({"results": {"a": {"acc,none": day / 10}}}))
        done = command("import", "lm-eval", str(file), "--name", "m", *store)
        assert done.returncode == code, done.stderr
    assert "nothing was taken over: results_2.json has 0.2 for lm_eval:a of m" in done.stderr
    assert done.stderr.count("\n") == 1
