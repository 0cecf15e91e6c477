"""From Python: load, filter, show."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

import evalsuite
from evalsuite.commands.requests import RunRequest
from evalsuite.store import Store
from helpers.suite_records import make_suite_records


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    for record in make_suite_records():
        store.put(record)
    return store.root


def test_a_frame_has_one_row_a_record_and_the_record_itself(results: Path) -> None:
    frame = evalsuite.load_records(results)
    expected = {(r.checkpoint.name, r.signature.task): r for r in make_suite_records()}
    assert len(frame) == len(expected) == 22
    for row in frame.to_dict("records"):
        record = row["record"]
        assert record == expected[row["checkpoint"], row["task"]]
        assert row["score"] == record.score
        assert row["sig_dtype"] == "float32"


def test_rows_may_be_filtered_before_a_table_is_made(results: Path) -> None:
    frame = evalsuite.load_records(results)
    left = frame[frame["checkpoint"] == "left"].sort_values("score", ascending=False)
    text = evalsuite.table(left, suite="smoke", form="csv")
    head, *rows = csv.reader(io.StringIO(text))
    assert len(rows) == 1
    cells = dict(zip(head, rows[0], strict=True))
    # The n-th task of the suite scores n/20: tasks 0-6 embed, 7-10 generate.
    # Errors of independent tasks, 0.01 each: 100 × 0.01 / √n for the mean over n of them.
    for section, mean, count in (("Embedding", 15.0, 7), ("Generative", 42.5, 4)):
        assert float(cells[f"{section}/Avg"]) == pytest.approx(mean)
        assert float(cells[f"{section}/Avg stderr"]) == pytest.approx(count**-0.5)


@pytest.mark.parametrize(
    ("form", "start"), [("markdown", "**"), ("latex", "%"), ("html", "<"), ("csv", "")]
)
def test_every_form_of_a_table(results: Path, form: str, start: str) -> None:
    frame = evalsuite.load_records(results)
    text = evalsuite.table(frame, form=form)  # type: ignore[arg-type]
    assert text.lstrip().startswith(start)
    assert "left" in text
    assert "right" in text


def test_a_figure(results: Path, tmp_path: Path) -> None:
    path = evalsuite.plot(evalsuite.load_records(results), tmp_path / "figure.svg")
    assert path == tmp_path / "figure.svg"
    assert "<svg" in path.read_text()


def test_a_store_without_scores(tmp_path: Path) -> None:
    with pytest.raises(evalsuite.EvalsuiteError, match="no scores are stored"):
        evalsuite.load_records(tmp_path)


def test_what_the_package_offers() -> None:
    for name in evalsuite.__all__:
        assert getattr(evalsuite, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        evalsuite.nothing  # noqa: B018


@pytest.mark.parametrize("seed", [{}, {"seed": 7}])
def test_the_seed_reaches_the_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, seed: dict[str, int]
) -> None:
    requests: list[RunRequest] = []
    monkeypatch.setattr("evalsuite.api.evaluate_request", lambda asked, _: requests.append(asked))
    evalsuite.evaluate("x", results=tmp_path, **seed)
    assert [request.options.seed for request in requests] == [seed.get("seed", 42)]
