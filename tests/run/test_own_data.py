"""Own data is checked before a model is loaded; what fails for its data ends one task."""

from __future__ import annotations

import io
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from evalsuite.commands.requests import RunRequest
from evalsuite.commands.run import run_command
from evalsuite.commands.tasks import show
from evalsuite.errors import DataError, ExitCode
from evalsuite.registry.load import Registry
from evalsuite.run.options import RunOptions
from evalsuite.run.own_data import check_files
from evalsuite.store import Store
from helpers.tiny_lm import make_tiny_lm

GOOD = [{"q": "fruit", "o": ["hammer", "apple"], "t": "B"}]
CHOICE = (
    "kind: lm_eval\ntype: multiple_choice\nprompt: '{{q}}'\nchoices: '{{o}}'\ntarget: '{{t}}'\n"
)
LOADED = """\
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: d.jsonl}}}}
test_split: test
{more}
output_type: multiple_choice
doc_to_text: '{{{{q}}}}'
doc_to_choice: o
doc_to_target: 1
"""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny")
    make_tiny_lm(folder)
    return str(folder)


def rows(path: Path, found: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in found))


@pytest.fixture
def tasks(tmp_path: Path) -> Path:
    """``good`` and ``bad`` own data; in lm-eval's format one that lacks a split, one a package."""
    folder = tmp_path / "tasks"
    home = folder / "lm_eval"
    home.mkdir(parents=True)
    rows(folder / "good.jsonl", GOOD)
    rows(folder / "bad.jsonl", [*GOOD, GOOD[0] | {"t": "C"}])
    for name in ("good", "bad"):
        plain = f"name: {name}\n{CHOICE}data: {{test: {name}.jsonl}}\n"
        (folder / f"{name}.yaml").write_text(plain)
    rows(home / "d.jsonl", GOOD)
    split = "fewshot_split: train"
    (home / "split.yaml").write_text(LOADED.format(name="no_split", more=split))
    package = "process_docs: !function helper.process"
    (home / "package.yaml").write_text(LOADED.format(name="no_package", more=package))
    (home / "helper.py").write_text("import not_there\n")
    return folder


def run(model: str, folder: Path, *names: str, dry_run: bool = False) -> tuple[ExitCode, str]:
    shown = io.StringIO()
    request = RunRequest(
        checkpoints=(model,),
        suite=None,
        tasks=names,
        tasks_dirs=(folder,),
        options=RunOptions(device="cpu", engine="transformers"),
        results=folder.parent / "results",
    )
    console = Console(file=shown, width=400)
    return run_command(
        request, console, folder.parent / "reports", dry_run=dry_run
    ), shown.getvalue()


def test_bad_rows_alone_are_refused_before_anything_is_written(model: str, tasks: Path) -> None:
    with pytest.raises(DataError, match=r"bad\.jsonl:2: the target 'C' is not a letter"):
        run(model, tasks, "bad")
    assert not (tasks.parent / "results").exists()


def test_a_dry_run_shows_the_others(model: str, tasks: Path) -> None:
    names = ("good", "bad", "lm_eval:no_split", "lm_eval:no_package")
    code, text = run(model, tasks, *names, dry_run=True)
    assert code is ExitCode.DATA
    assert "chat: 'fruit'" in text
    refused = [line for line in text.splitlines() if "cannot be shown" in line]
    for line, words in zip(
        refused,
        (
            "bad.jsonl:2: the target 'C'",
            "it has no split or column 'train'",
            "needs the package not-there, which is not installed",
        ),
        strict=True,
    ):
        assert words in line


@pytest.mark.e2e
def test_a_task_that_cannot_be_loaded_ends_alone(model: str, tasks: Path) -> None:
    """With the exit code of a dry run; the others are scored."""
    code, text = run(model, tasks, "good", "bad", "lm_eval:no_split", "lm_eval:no_package")
    assert code is ExitCode.DATA
    records = Store(tasks.parent / "results").records()
    found = {record.signature.task: record for record in records}
    assert found["good"].status == "scored"
    assert {name for name, record in found.items() if record.status == "failed"} == {
        "bad",
        "lm_eval:no_split",
        "lm_eval:no_package",
    }
    failed = [line for line in text.splitlines() if line.startswith("failed: ")]
    assert len(failed) == 3
    assert "4 jobs: 3 to run, 1 refused" in text
    assert "1 of 4 scored" in text
    reports = tasks.parent / "reports/tasks"
    said, files = text.partition(", table and figure in ")[2].splitlines()[:2]
    assert said == f"{reports}:"
    assert {reports / name for name in files.split()} == set(reports.iterdir())


def test_files_that_passed_are_not_read_again(
    tasks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from evalsuite.kinds.lm_eval.kind import LmEvalKind

    monkeypatch.setenv("EVALSUITE_CACHE", str(tmp_path / "cache"))
    read: list[str] = []
    check = LmEvalKind.check_data

    def counted(kind: LmEvalKind, task: Any) -> int:
        read.append(task.name)
        return check(kind, task)

    monkeypatch.setattr(LmEvalKind, "check_data", counted)
    good, bad = (Registry.load([tasks]).task(name) for name in ("good", "bad"))
    for _ in range(2):
        check_files(good, None)
        with pytest.raises(DataError):
            check_files(bad, None)
    assert read == ["good", "bad", "bad"]
    rows(tasks / "good.jsonl", GOOD * 2)
    check_files(good, None)
    assert read == ["good", "bad", "bad", "good"]


@pytest.mark.parametrize(
    ("name", "package"), [("niah_single_1", "wonderwords"), ("20_newsgroups", "unitxt")]
)
def test_packages_of_lm_evals_own_tasks_are_named(
    model: str, tasks: Path, name: str, package: str
) -> None:
    """RULER's loader fails at an import; the one of unitxt raises a bare ``Exception``."""
    if find_spec(package):
        pytest.skip(f"{package} is installed")
    code, text = run(model, tasks, f"lm_eval:{name}", "good", dry_run=True)
    assert code is ExitCode.DATA
    assert "chat: 'fruit'" in text
    [refused] = [line.strip() for line in text.splitlines() if "cannot be shown" in line]
    assert refused.startswith(f"cannot be shown: lm_eval:{name} needs the package")
    assert package in refused.partition("pip install ")[2].split()


def test_a_task_on_own_data_is_shown_with_the_rows_of_its_files(tasks: Path) -> None:
    registry = Registry.load([tasks])
    assert show(registry, "bad").endswith("# what its files hold:\n# rows:\n#   test: 2")
    (tasks / "bad.jsonl").unlink()
    with pytest.raises(DataError, match=r"bad\.jsonl: no such file"):
        show(registry, "bad")
