"""Which packages the code of an mteb task imports that are not installed; nothing is run.

A task of mteb is a class, and many load their data by code of their own. That code is read as
text: importing mteb takes seconds, and fails where what is looked for is missing.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from evalsuite.kinds.mteb.facts import facts_of
from evalsuite.kinds.shared.packages import module_file, not_installed

_NAME: Final = re.compile(r"""\bname\s*=\s*["']([^"']+)["']""")
"""How the metadata of a task states its name."""
_OF_MTEB: Final = "mteb.tasks."


def lacking_packages(name: str) -> tuple[str, ...]:
    """Packages that the file of a task imports and that are not installed, sorted.

    Args:
        name: mteb's name for a task; for a mean of other tasks, these count.

    Raises:
        UsageError: If mteb has none of that name; names the nearest ones.
    """
    names = facts_of(name).members or (name,)
    return not_installed({file for one in names for file in _files().get(one, ())}, _nearby)


@cache
def _files() -> dict[str, tuple[Path, ...]]:
    """Task → the files of mteb that define it."""
    found: dict[str, tuple[Path, ...]] = {}
    for file in sorted(_root().rglob("*.py")):
        for name in _NAME.findall(file.read_text("utf-8")):
            found[name] = (*found.get(name, ()), file)
    return found


@cache
def _root() -> Path:
    """The folder of mteb's tasks; does not import mteb."""
    spec = find_spec("mteb")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "tasks"


def _nearby(name: str, home: Path) -> Path | None:
    """The file of a module among mteb's tasks, but for the lists of all tasks of a folder."""
    inside = name.removeprefix(_OF_MTEB).replace(".", "/")
    file = module_file((_root() if name.startswith(_OF_MTEB) else home) / inside)
    return file if file is None or file.name != "__init__.py" else None
