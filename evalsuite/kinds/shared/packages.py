"""Which packages Python files import that are not installed; nothing is run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Final

Nearby = Callable[[str, Path], Path | None]
"""From a module's name and the folder of the file that imports it to the module's file; ``None``
for a module of a package that has to be installed."""

_PACKAGES: Final = {
    "PIL": "pillow",
    "antlr4": "antlr4-python3-runtime",
    "bs4": "beautifulsoup4",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Top-level module → the package that holds it, where the names differ."""


def not_installed(files: Iterable[Path], nearby: Nearby) -> tuple[str, ...]:
    """Packages that files import, directly or by files nearby, and that are not installed.

    Args:
        files: Python files.
        nearby: Finds the modules whose imports count too.

    Returns:
        Names of packages as pip knows them, sorted.
    """
    modules = _imported(files, nearby)
    return tuple(sorted(package_of(one) for one in modules if not _there(one)))


def package_of(module: str) -> str:
    """The name by which pip installs a top-level module."""
    return _PACKAGES.get(module, module.replace("_", "-"))


def module_file(place: Path) -> Path | None:
    """The file of a module or of a package's own code, by its path without a suffix."""
    for file in (place.with_suffix(".py"), place / "__init__.py"):
        if file.is_file():
            return file.resolve()
    return None


def _imported(files: Iterable[Path], nearby: Nearby) -> set[str]:
    """Top-level modules that files import."""
    found: set[str] = set()
    open_ = list(files)
    seen = set(open_)
    while open_:
        file = open_.pop()
        for one in _imports(ast.parse(file.read_bytes())):
            inside = set(filter(None, (_file_of(name, file, nearby) for name in one)))
            open_ += inside - seen
            seen |= inside
            if not inside and not one[0].startswith("."):
                found.add(one[0].partition(".")[0])
    return found


def _file_of(name: str, file: Path, nearby: Nearby) -> Path | None:
    """The file of a module that another file imports; leading dots count as in Python."""
    module = name.lstrip(".")
    if module == name:
        return nearby(name, file.parent)
    home = file.parents[len(name) - len(module) - 1]
    return module_file(home / module.replace(".", "/"))


def _imports(tree: ast.AST) -> Iterator[tuple[str, ...]]:
    """What code imports, but for what it can do without.

    Yields:
        The name of a module, and after it the names that would be modules of its own if what is
        imported from it is one.
    """
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            joint = "." if node.module else ""
            yield (module, *(f"{module}{joint}{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Try) and _can_do_without(node):
            for part in (*node.handlers, *node.orelse, *node.finalbody):
                yield from _imports(part)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for part in node.orelse:
                yield from _imports(ast.Module([part], []))
        else:
            yield from _imports(node)


def _can_do_without(node: ast.Try) -> bool:
    """Whether code goes on where an import fails."""
    caught = [handler for handler in node.handlers if _catches_imports(handler)]
    return bool(caught) and not any(
        isinstance(inner, ast.Raise) for handler in caught for inner in ast.walk(handler)
    )


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    kinds = "" if handler.type is None else ast.unparse(handler.type)
    return not kinds or any(
        name in kinds for name in ("ImportError", "ModuleNotFoundError", "Exception")
    )


def _there(module: str) -> bool:
    if module in sys.stdlib_module_names:
        return True
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False
