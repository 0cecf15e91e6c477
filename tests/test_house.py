"""The rules of the house that ``bench/house.py`` prints, and that it sees where they are broken."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType


def _house() -> ModuleType:
    """``bench/house.py``; its folder does not go onto the path, where other names would clash."""
    path = Path(__file__).parents[1] / "bench" / "house.py"
    spec = importlib.util.spec_from_file_location("house", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["house"] = module
    spec.loader.exec_module(module)
    return module


house = _house()


def test_the_rules_are_kept() -> None:
    figures = house.figures()
    assert len(figures) == 4
    assert not {figure.what: figure.found for figure in figures if not figure.kept}


def test_broken_rules_are_seen(tmp_path: Path) -> None:
    package = tmp_path / "evalsuite"
    folder = package / "kinds" / "toy"
    folder.mkdir(parents=True)
    for name in ("", "kinds/", "kinds/toy/"):
        (package / name / "__init__.py").write_text("")
    (folder / "kind.py").write_text('class Toy:\n    name = "toy"\n')
    (package / "one.py").write_text("def f():\n    from evalsuite.two import g\n")
    (package / "two.py").write_text("import evalsuite.three\n")
    (package / "three.py").write_text("from evalsuite import one\n")
    (package / "asks.py").write_text('def f(task):\n    return task.kind in ("toy", "x")\n')
    (package / "long.py").write_text("def f():\n" + "    print()\n" * 60 + "x = 1\n" * 340)
    found = {figure.what.split()[0]: figure.found for figure in house.figures(tmp_path)}
    assert found["import"] == ["evalsuite.one <-> evalsuite.three <-> evalsuite.two"]
    assert [place.split(":")[0] for place in found["functions"]] == ["evalsuite/long.py"]
    assert found["files"] == ["evalsuite/long.py: 401 lines"]
    naming = house.figures(tmp_path)[1]
    assert naming.found == ["evalsuite.asks: line 2"]
