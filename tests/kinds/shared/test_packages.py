"""Packages that files import, found without running them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import pytest

from evalsuite.commands.doctor import packages
from evalsuite.errors import UsageError
from evalsuite.kinds.mteb.packages import lacking_packages
from evalsuite.kinds.shared.packages import module_file, not_installed
from evalsuite.registry.load import Registry

FILES = {
    "task.py": (
        "import json, numpy\nimport no_such_thing.inner\n"
        "from helper import score\nfrom . import near\nfrom .below.deep import x\n"
        "try:\n    import can_do_without\nexcept ImportError:\n    pass\n"
        "try:\n    import can_not\nexcept ImportError as e:\n    raise SystemExit from e\n"
        "from typing import TYPE_CHECKING\n"
        "if TYPE_CHECKING:\n    import for_types_alone\n"
        "def load():\n    import inside_a_function as f\n"
    ),
    "helper.py": "from sklearn_but_not import score\n",
    "near.py": "import PIL_but_not\n",
    "below/deep.py": "from ..above import y\n",
    "above.py": "import from_above\nfrom task import load\n",
}


def test_what_files_import_directly_and_by_way_of_others(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    found = not_installed(
        [tmp_path / "task.py"], lambda name, home: module_file(home / name.replace(".", "/"))
    )
    assert found == (
        "PIL-but-not",
        "can-not",
        "from-above",
        "inside-a-function",
        "no-such-thing",
        "sklearn-but-not",
    )


def without(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setattr(
        "evalsuite.kinds.shared.packages.find_spec",
        lambda name: None if name == package else find_spec(name),
    )


def test_a_package_that_an_mteb_task_imports(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """``hateful_memes_i2t_retrieval.py`` reads its pictures with polars."""
    assert lacking_packages("HatefulMemesI2TRetrieval") == ()
    without(monkeypatch, "polars")
    assert lacking_packages("HatefulMemesI2TRetrieval") == ("polars",)
    assert lacking_packages("STSBenchmark") == ()
    (tmp_path / "s.yaml").write_text("name: mine\ntasks: [mteb:HatefulMemesI2TRetrieval]\n")
    folder = tmp_path / "t"
    (folder / "suites").mkdir(parents=True)
    (tmp_path / "s.yaml").rename(folder / "suites" / "mine.yaml")
    [finding] = packages(Registry.load([folder]), "mine")
    assert finding.line == (
        "fail  packages: polars is not installed: 1 of 1 tasks need it: "
        "mteb:HatefulMemesI2TRetrieval; pip install polars"
    )


def test_of_a_mean_of_mteb_tasks_the_members_count(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "datasets")
    alone = lacking_packages("CQADupstackTexRetrieval")
    assert lacking_packages("CQADupstackRetrieval") == alone


def test_an_mteb_task_that_does_not_exist() -> None:
    with pytest.raises(UsageError, match="did you mean STSBenchmark"):
        lacking_packages("STSBenchmrk")
