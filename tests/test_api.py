"""From Python: load, filter, show."""

from __future__ import annotations

import csv
import inspect
import io
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import evalsuite
from evalsuite.commands.requests import RunRequest
from evalsuite.outcomes import Result
from evalsuite.registry.load import Registry
from evalsuite.run.run import RunResult
from evalsuite.store import Store
from helpers.records import record, scored, suite_records


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store = Store(tmp_path / "results")
    for one in suite_records():
        store.put(one)
    return store.root


def test_a_frame_has_one_row_a_record_and_the_record_itself(results: Path) -> None:
    frame = evalsuite.load_records(results)
    expected = {(r.checkpoint.name, r.signature.task): r for r in suite_records()}
    assert len(frame) == len(expected)
    for row in frame.to_dict("records"):
        record = row["record"]
        assert record == expected[row["checkpoint"], row["task"]]
        assert row["score"] == record.score
        assert row["sig_dtype"] == record.signature.dtype


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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[RunRequest]:
    """What calls of ``evaluate`` ask for; nothing is evaluated."""
    requests: list[RunRequest] = []

    def take(request: RunRequest) -> Any:
        requests.append(request)
        return SimpleNamespace(suite=None, registry=None, left_out=("left out: x",))

    monkeypatch.setattr("evalsuite.api.prepare", take)
    monkeypatch.setattr("evalsuite.api.evaluate_prepared", lambda *_, **__: RunResult(()))
    return requests


@pytest.mark.parametrize("seed", [{}, {"seed": 7}])
def test_the_seed_reaches_the_run(asked: list[RunRequest], seed: dict[str, int]) -> None:
    assert evalsuite.evaluate("x", **seed).left_out == ("left out: x",)
    assert [request.options.seed for request in asked] == [seed.get("seed", 42)]


@pytest.mark.parametrize("one", ["a", Path("a")])
def test_one_text_where_one_is_meant(asked: list[RunRequest], one: Any) -> None:
    evalsuite.evaluate(ckpt=one, tasks="smoke-sts", tasks_dirs=one)
    [request] = asked
    assert request.checkpoints == ("a",)
    assert request.tasks == ("smoke-sts",)
    assert request.tasks_dirs == (Path("a"),)


@pytest.fixture
def sampled(tmp_path: Path) -> Path:
    """Two checkpoints on one task, with samples: ``new`` is right wherever ``old`` is, and more."""
    store = Store(tmp_path / "sampled")
    for name, right in (("old", 10), ("new", 30)):
        values = [float(index < right) for index in range(40)]
        store.put(
            record(Registry.load().task("smoke-sts"), right / 40, checkpoint=name, n=40),
            scored(values, answer=[f"{name} {index}" for index in range(40)]),
        )
    return store.root


def test_samples_are_a_frame(sampled: Path) -> None:
    frame = evalsuite.load_records(sampled)
    found = evalsuite.samples(frame.set_index("checkpoint").record["new"], sampled)
    assert len(found) == 40
    assert found.score.sum() == 30
    assert found.answer[3] == "new 3"
    with pytest.raises(evalsuite.EvalsuiteError, match="does not hold"):
        evalsuite.samples(frame.record[0], sampled.parent)
    assert evalsuite.samples(record("t")).empty


def test_compare_is_a_frame_with_one_row_a_task(sampled: Path) -> None:
    [row] = evalsuite.compare("old", "new", results=sampled).to_dict("records")
    assert (row["task"], row["won"], row["lost"]) == ("smoke-sts", 20, 0)
    assert row["delta"] == pytest.approx(50)
    assert row["low"] < 50 < row["high"]
    assert row["p"] == pytest.approx(2 * 0.5**20), "McNemar: 20 of 20"


def test_check_says_the_verdict(sampled: Path) -> None:
    kept = {"suite": "smoke", "results": sampled}
    good = evalsuite.check("new", "old", **kept)  # type: ignore[arg-type]
    bad = evalsuite.check("old", "new", **kept)  # type: ignore[arg-type]
    assert (good.passed, bad.passed) == (True, False)
    assert bad.exit_code == 10
    assert "regression" in bad.headline
    by_task = bad.frame().set_index("task")
    assert by_task.verdict["smoke-sts"] == "regression"
    assert by_task.delta["smoke-sts"] == pytest.approx(-50)
    assert "<td>REGRESSION" in bad._repr_html_()


def test_a_page_of_the_store(results: Path, tmp_path: Path) -> None:
    written = evalsuite.write_report(results, tmp_path / "r.html", suite="smoke", samples=0)
    assert written == tmp_path / "r.html"
    assert "<html" in written.read_text()


def test_a_result_shows_itself() -> None:
    hostile = record("t", 0.5, checkpoint="<b>&")
    result = Result((hostile, record("t", 0.25, checkpoint="n")))
    html = result._repr_html_()
    assert html.startswith("<div>")
    assert "&lt;b&gt;&amp;" in html
    assert "<td><b>50.0</b></td>" in html
    assert "<script" not in html
    assert "| n " in str(result)
    assert result.frame().record.tolist() == list(result.records)
    assert evalsuite.table(result.frame()) == str(result)


@pytest.mark.parametrize("kind", ["bars", "heat"])
def test_further_figures(results: Path, tmp_path: Path, kind: Any) -> None:
    frame = evalsuite.load_records(results)
    assert "<svg" in evalsuite.plot(frame, tmp_path / "f.svg", kind=kind).read_text()


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda f: evalsuite.table(f, form="latx"), "no form 'latx'; did you mean latex"),
        (lambda f: evalsuite.table(f, layout="table9"), "no layout is called 'table9'"),
        (lambda f: evalsuite.table(f, suite="smok"), "did you mean smoke"),
        (lambda f: evalsuite.table(f[["task"]]), "the frame has no column 'record'"),
        (lambda f: evalsuite.plot(f, "f.svg", kind="bar"), "did you mean bars"),
        (lambda f: evalsuite.plot(f, "f.gif"), "unknown figure format"),
        (lambda f: evalsuite.check("a", "b", tasks="x"), "there is no option 'tasks'"),
        (lambda f: evalsuite.evaluate("x", limt=3), "did you mean limit"),
    ],
)
def test_errors_are_of_one_class(results: Path, call: Any, said: str) -> None:
    with pytest.raises(evalsuite.EvalsuiteError, match=said):
        call(evalsuite.load_records(results))


def test_completion_help_and_version() -> None:
    assert dir(evalsuite) == evalsuite.__all__
    assert re.fullmatch(r"\d+\.\d+.*", evalsuite.__version__)
    for name in evalsuite.__all__:
        offered = getattr(evalsuite, name)
        assert name == "__version__" or inspect.getdoc(offered), name


@pytest.mark.parametrize("given", [5, ["demo:minilm", 5]])
def test_what_is_no_checkpoint_is_an_error_of_ours(given: Any) -> None:
    with pytest.raises(evalsuite.EvalsuiteError, match="5 is no text and no path"):
        evalsuite.evaluate(given)
