"""What commands print with ``--json``, validated against what ``evalsuite schema`` prints."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

from evalsuite.console import print_document
from evalsuite.documents.base import ErrorDocument
from evalsuite.documents.schemas import SCHEMAS
from evalsuite.errors import ExitCode
from evalsuite.run.event_lines import EventLines
from evalsuite.run.workers import events
from evalsuite.store import Store
from helpers.command_line import command
from helpers.page_store import fill, make_records

STORED = Path(__file__).parents[1] / "run" / "earlier_store"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("json") / "results"
    fill(Store(folder), make_records())
    return folder


def schema(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(command("schema", name).stdout)
    return found


def printed(name: str, *arguments: object, code: int = 0, cwd: Path | None = None) -> Any:
    """The one document on standard output, valid under its schema."""
    done = command(*arguments, "--json", cwd=cwd)
    assert done.returncode == code, done.stderr
    document = json.loads(done.stdout)
    jsonschema.Draft202012Validator(schema(name)).validate(document)
    assert document["version"] == 1
    return document


def test_schemas_are_valid_and_closed() -> None:
    listed = [line.split()[0] for line in command("schema").stdout.splitlines()]
    assert listed == list(SCHEMAS)
    for name in listed:
        found = schema(name)
        jsonschema.Draft202012Validator.check_schema(found)
        assert found["$id"] == f"urn:evalsuite:{name}:1"
    wrong = command("schema", "tabel")
    assert wrong.returncode == ExitCode.USAGE
    assert "did you mean table" in wrong.stderr


def test_a_table_has_the_values_of_its_csv(store: Path) -> None:
    found = printed("table", "table", "--suite", "smoke", "--out", store)
    labels = [column["label"] for column in found["columns"]]
    assert labels.count("Avg") == 2
    for row in found["rows"]:
        cells = dict(zip(labels, row["cells"], strict=True))
        # As made: every second or third of 30 samples is wrong.
        right = {"left": 50.0, "right": 100 * 20 / 30}[row["name"]]
        assert cells["STS"]["value"] == pytest.approx(right)
        assert cells["STS"]["low"] < right < cells["STS"]["high"]


def test_ranks_are_in_a_table_with_ties(store: Path) -> None:
    words = ("--suite", "smoke", "--out", store)
    plain = printed("table", "table", *words)
    assert {str(cell["rank"]) for row in plain["rows"] for cell in row["cells"]} == {"None"}
    found = printed("table", "table", *words, "--ties")
    at = [column["label"] for column in found["columns"]].index("STS")
    ranks = {row["name"]: row["cells"][at]["rank"] for row in found["rows"]}
    # 15 against 20 of 30: one may be the first, the other as well.
    assert ranks == {
        name: {"low": 1, "high": 2, "ties": "A", "paired": True} for name in ("left", "right")
    }


def test_lists_hold_what_is_stored(store: Path) -> None:
    results = printed("results", "results", "ls", "--out", store)
    assert len(results["records"]) == 22
    assert {line["checkpoint"] for line in results["records"]} == {"left", "right"}
    tasks = printed("tasks", "tasks", "list")
    assert "smoke" in [suite["name"] for suite in tasks["suites"]]
    task = printed("task", "tasks", "show", "smoke-sts")
    assert task["definition"]["type"] == "sts"
    assert task["facts"] == {"rows": {"test": 160}}
    suite = printed("task", "tasks", "show", "smoke")
    assert (suite["what"], suite["facts"]) == ("suite", {})


def test_a_comparison_and_a_check_give_the_same_difference(store: Path, tmp_path: Path) -> None:
    compared = printed("compare", "compare", "left", "right", "--suite", "smoke", "--out", store)
    lines = {line["task"]: line for line in compared["lines"] if line["level"] == "task"}
    made = printed(
        "baselines", "baseline", "set", "main", "left", "--out", store, "--suite", "smoke",
        cwd=tmp_path,
    )  # fmt: skip
    assert [one["name"] for one in made["baselines"]] == ["main"]
    assert printed("baselines", "baseline", "list", cwd=tmp_path) == made
    shown = printed("baseline", "baseline", "show", "main", cwd=tmp_path)
    assert {score["task"] for score in shown["scores"]} == set(lines)
    sides = ("--baseline", "main", "--candidate", "right", "--suite", "smoke", "--out", store)
    done = command("check", *sides, cwd=tmp_path)
    checked = printed("check", "check", *sides, code=done.returncode, cwd=tmp_path)
    assert checked["exit_code"] == done.returncode
    assert {one["task"]: one["delta"] for one in checked["tasks"]} == pytest.approx(
        {name: line["delta"] for name, line in lines.items()}
    )


def test_an_import_says_what_it_stored(tmp_path: Path) -> None:
    folder = tmp_path / "org__model" / "abc"
    folder.mkdir(parents=True)
    scores = {"test": [{"hf_subset": "default", "main_score": 0.5, "languages": ["eng-Latn"]}]}
    file = {"task_name": "NFCorpus", "mteb_version": "2.1.0", "dataset_revision": "x"}
    (folder / "NFCorpus.json").write_text(json.dumps({**file, "scores": scores}))
    out = tmp_path / "results"
    first = command("import", "mteb", tmp_path / "org__model", "--out", out, "--json")
    document = json.loads(first.stdout)
    jsonschema.Draft202012Validator(schema("import")).validate(document)
    assert (document["new"], document["known"]) == (1, 0)
    assert document["records"][0]["score"] == 0.5


def lines_of(done: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    """The lines of a run, each valid under its schema."""
    check = jsonschema.Draft202012Validator(schema("run")).validate
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    for line in lines:
        check(line)
    return lines


def test_an_error_is_the_line_of_a_run(tmp_path: Path) -> None:
    done = command("run", "--ckpt", tmp_path / "none", "--json", cwd=tmp_path)
    assert done.returncode == ExitCode.CHECKPOINT
    (error,) = lines_of(done)
    assert (error["kind"], error["exit_code"]) == ("checkpoint", ExitCode.CHECKPOINT)
    assert error["message"] in done.stderr


@pytest.mark.e2e
def test_a_run_on_stored_scores_prints_plan_scores_and_end(tmp_path: Path) -> None:
    shutil.copytree(STORED, tmp_path / "results")
    words = ("run", "--ckpt", "demo:minilm", "--tasks", "smoke-sts,smoke-arithmetic")
    words += ("--limit", "4", "--device", "cpu", "--dtype", "float32", "--json")
    done = command(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    planned, *scores, ended = lines_of(done)
    states = {job["task"]: job["state"] for job in planned["jobs"]}
    assert states == {"smoke-sts": "stored", "smoke-arithmetic": "skipped"}
    found = {line["score"]["task"]: line["score"] for line in scores}
    assert found["smoke-sts"]["score"] == pytest.approx(0.4)  # as results ls shows it: 40.00
    assert found["smoke-arithmetic"]["reason"] == "BertModel has no language-model head"
    assert (ended["exit_code"], ended["scored"], ended["skipped"]) == (0, 1, 1)
    assert all((tmp_path / path).is_file() for path in ended["files"])
    dry = lines_of(command(*words, "--dry-run", cwd=tmp_path))
    assert [line["event"] for line in dry] == ["planned", "previewed"]
    assert "smoke-sts" in dry[1]["text"]


def test_what_workers_report_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    task = SimpleNamespace(name="task")
    group: Any = SimpleNamespace(
        checkpoint=SimpleNamespace(name="model"),
        jobs=[SimpleNamespace(task=task)],
        job=lambda key: SimpleNamespace(task=task),
    )
    shown = EventLines()
    shown.group_started(group)
    reported: list[events.Event] = [
        events.EngineReady(engine="e 1", seconds=2.5),
        events.EngineStalled(reason="silent", restarted=True),
        events.EngineFailed(reason="broken"),
        events.JobWaiting(job="k"),
        events.JobStarted(job="k"),
        events.EngineBusy(job="k"),
        events.JobProgress(job="k", done=1, total=2, unit="texts"),
        events.StageEnded(job="k"),
        events.JobEnded(job="k", status="failed", record=None, reason="r"),
    ]
    for event in reported:
        shown.on_event(group, event)
    out = capsys.readouterr().out
    lines = lines_of(subprocess.CompletedProcess([], 0, out, ""))
    assert [line.get("state", line["event"]) for line in lines] == [
        *("loading", "ready", "stalled", "failed", "waiting", "started", "progress", "stage"),
        "job_ended",
    ]


@pytest.mark.parametrize("option", ["--decimals=-1", "--nosuch"])
def test_wrong_options_are_errors_in_json_too(option: str) -> None:
    found = printed("error", "table", option, code=ExitCode.USAGE)
    assert found["kind"] == "usage"


def test_json_and_a_format_exclude_each_other() -> None:
    found = printed("error", "table", "--format", "csv", code=ExitCode.USAGE)
    assert "exclude each other" in found["message"]


def test_output_is_ascii_and_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    from evalsuite.documents.tables import ComparisonLine

    line = ComparisonLine(
        baseline="a\ud800é", candidate="b", level="task", task="t", delta=float("nan")
    )
    print_document(line)
    out = capsys.readouterr().out
    assert out.isascii()
    assert json.loads(out)["delta"] is None
    assert ErrorDocument(exit_code=2, kind="usage", message="m").document == "error"
