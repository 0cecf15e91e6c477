"""The notebook under ``docs/`` runs from its first cell to its last, and what it shows is HTML."""

from __future__ import annotations

import ast
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from evalsuite.run.notebook import NotebookBar, in_notebook
from evalsuite.run.workers import events

ROOT = Path(__file__).parents[1]
STORED = ROOT / "tests" / "run" / "earlier_store"


def cells(path: Path) -> list[str]:
    """The code of a notebook, whose form is that of nbformat 4.5."""
    content = json.loads(path.read_text("utf-8"))
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    ids = [cell["id"] for cell in content["cells"]]
    assert len(set(ids)) == len(ids)
    return [cell["source"] for cell in content["cells"] if cell["cell_type"] == "code"]


def run_cell(source: str, names: dict[str, Any]) -> Any:
    """Run a cell as a notebook does; its last expression is what it shows."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    if last is None:
        return None
    return eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_all_cells_run_on_stored_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = shutil.ignore_patterns("rag-*", "smoke-rerank*", "smoke-arith*", "smoke-multi*")
    shutil.copytree(STORED, tmp_path / "results", ignore=others)
    before = {path: path.read_bytes() for path in (tmp_path / "results").rglob("*.json")}
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    shown = [run_cell(source, names) for source in cells(ROOT / "docs" / "notebook.ipynb")]
    assert all("<table" in one._repr_html_() for one in shown)
    scored = {(r.checkpoint.name, r.signature.task) for r in names["result"].records if r.score}
    assert len(scored) == 4
    assert "40.0" in shown[0]._repr_html_()  # minilm on smoke-sts, as stored
    assert isinstance(names["table"], str)
    assert {path: path.read_bytes() for path in before} == before


class Shown(list[str]):
    """What a notebook would show: IPython's display, as far as it is used."""

    def display(self, what: str, *, display_id: bool) -> Shown:
        assert display_id
        self.append(what)
        return self

    def update(self, what: str) -> None:
        self.append(what)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Shown:
    shown = Shown()
    module = ModuleType("IPython")
    module.get_ipython = lambda: SimpleNamespace(kernel=1)  # type: ignore[attr-defined]
    module.display = SimpleNamespace(display=shown.display, HTML=str)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", module)
    return shown


def test_only_a_notebook_is_one(notebook: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_notebook()
    sys.modules["IPython"].get_ipython = SimpleNamespace  # type: ignore[attr-defined]
    assert not in_notebook()  # IPython in a terminal
    monkeypatch.delitem(sys.modules, "IPython")
    assert not in_notebook()


def test_the_bar_counts_what_has_ended(notebook: Shown) -> None:
    task = SimpleNamespace(name="<task>")
    group: Any = SimpleNamespace(
        checkpoint=SimpleNamespace(name="model"), job=lambda key: SimpleNamespace(task=task)
    )
    bar = NotebookBar(2)
    bar.group_started(group)
    bar.on_event(group, events.JobStarted(job="a"))
    bar.on_event(group, events.JobEnded(job="a", status="scored", record="r"))
    bar.on_event(group, events.JobEnded(job="b", status="failed", record="r", reason="x"))
    assert 'value="0" max="2"' in notebook[0]
    assert "model: loading" in notebook[0]
    assert "&lt;task&gt;" in notebook[1]
    assert 'value="2" max="2"></progress> 2/2, 1 failed' in notebook[-1]


def test_types_are_shipped() -> None:
    assert (ROOT / "evalsuite" / "py.typed").is_file()
