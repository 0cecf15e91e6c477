"""The shipped task files are found at once, and a change to them shows in the signature."""

from __future__ import annotations

import re
import shutil
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from evalsuite.errors import UsageError
from evalsuite.kinds.lm_eval import names as lm_eval_index
from evalsuite.kinds.lm_eval.kind import LmEvalKind, harness_version
from evalsuite.kinds.lm_eval.names import find, shipped_index, shipped_version
from evalsuite.kinds.table import make_task
from evalsuite.kinds.task import Task
from evalsuite.paths import shipped_tasks
from evalsuite.registry.load import Registry

GENERATIVE = yaml.safe_load((shipped_tasks() / "grit/generative.yaml").read_text())["tasks"]
TASKS = [
    make_task(**{"kind": "lm_eval", **plain})
    for plain in GENERATIVE
    if plain["source"].startswith("grit_")
]


def test_shipped_tasks_need_no_index_of_lm_eval(monkeypatch: pytest.MonkeyPatch) -> None:
    def unwanted() -> None:
        raise AssertionError("lm-eval's 14,000 files were read")

    monkeypatch.setattr(lm_eval_index, "load_index", unwanted)
    assert find("grit_gsm8k").kind == "TASK"
    assert find("grit_bbh").kind == "GROUP"
    LmEvalKind().check_source(Registry.load().task("lm_eval:grit_tydiqa"))
    for task in TASKS:
        LmEvalKind().check_source(task)


def test_a_typo_is_answered_with_shipped_names() -> None:
    with pytest.raises(UsageError, match="did you mean grit_humaneval"):
        find("grit_humanevl")


def test_a_missing_base_form_is_found_while_planning() -> None:
    task = make_task(name="x", kind="lm_eval", source="grit_gsm8k", base_source="grit_gsm8k_bas")
    with pytest.raises(UsageError, match="grit_gsm8k_bas"):
        LmEvalKind().check_source(task)


@pytest.mark.parametrize("task", TASKS, ids=lambda task: str(task.name))
def test_registry_and_task_files_agree(task: Task) -> None:
    assert task.base_source is not None
    for name in (task.source, task.base_source):
        assert name is not None
        plain = _read(shipped_index()[name].path)
        pinned = {plain["dataset_path"]: plain["dataset_kwargs"]["revision"]}
        assert pinned == task.datasets
        assert plain["num_fewshot"] == 0
        assert not plain.get("unsafe_code")
    assert task.runs_code == ("humaneval" in str(task.source))


def _read(path: Path | None) -> dict[str, object]:
    from lm_eval.tasks._yaml_loader import load_yaml

    plain: dict[str, object] = load_yaml(path, resolve_func=False)
    return plain


def test_the_signature_names_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = make_task(name="x", kind="lm_eval", source="grit_gsm8k", base_source="grit_gsm8k_base")
    before = harness_version(task)
    assert re.fullmatch(rf"lm-eval {re.escape(version('lm-eval'))}\+gsm8k-[0-9a-f]{{8}}", before)
    assert harness_version(task.model_copy(update={"source": "gsm8k_cot"})) == (
        f"lm-eval {version('lm-eval')}"
    )

    copy = tmp_path / "tasks"
    shutil.copytree(shipped_tasks() / "lm_eval", copy / "lm_eval")
    monkeypatch.setattr(lm_eval_index, "shipped_tasks", lambda: copy)
    _forget()
    try:
        assert harness_version(task) == before  # wherever the files lie
        common = copy / "lm_eval/grit/gsm8k/_gsm8k.yaml"
        common.write_text(common.read_text().replace("Answer:", "Reply:"))
        bbh = shipped_version("grit_bbh")
        _forget()
        assert harness_version(task) != before
        assert shipped_version("grit_bbh") == bbh
    finally:
        monkeypatch.undo()
        _forget()


def _forget() -> None:
    shipped_index.cache_clear()
    lm_eval_index.content_digest.cache_clear()
