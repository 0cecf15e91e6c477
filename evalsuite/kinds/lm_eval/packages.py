"""Which packages the code of an lm-eval task imports that are not installed; nothing is run."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from evalsuite.kinds.lm_eval.configs import FunctionName, full_config
from evalsuite.kinds.lm_eval.names import tasks_root
from evalsuite.kinds.lm_eval.needs import members

_PACKAGES: Final = {
    "PIL": "pillow",
    "antlr4": "antlr4-python3-runtime",
    "bs4": "beautifulsoup4",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""Top-level module → the package that holds it, where the names differ."""

_OF_LM_EVAL: Final = "lm_eval.tasks."


def lacking_packages(name: str, folder: Path | None = None) -> tuple[str, ...]:
    """Packages whose modules a task's own code imports and that are not installed, sorted.

    Args:
        name: lm-eval's name for a task, group or tag.
        folder: A person's own folder of files in lm-eval's format.

    Raises:
        UsageError: If there is nothing by that name.
    """
    modules: set[Path] = set()
    for entry in members(name, folder):
        if entry.path is not None:
            modules |= set(_modules(full_config(entry.path), entry.path.parent))
    return tuple(sorted(package_of(one) for one in _imported(modules) if not _there(one)))


def package_of(module: str) -> str:
    """The name by which pip installs a top-level module."""
    return _PACKAGES.get(module, module.replace("_", "-"))


def _modules(value: Any, home: Path) -> Iterator[Path]:
    """Files of the functions that a config names."""
    if isinstance(value, FunctionName):
        module = home / f"{value.rpartition('.')[0].replace('.', '/')}.py"
        if module.is_file():
            yield module.resolve()
    elif isinstance(value, dict):
        for item in value.values():
            yield from _modules(item, home)
    elif isinstance(value, list):
        for item in value:
            yield from _modules(item, home)


def _imported(modules: set[Path]) -> set[str]:
    """Top-level modules that files import, and that the task files which they import do."""
    found: set[str] = set()
    open_, seen = list(modules), set(modules)
    while open_:
        file = open_.pop()
        for name in _names(ast.parse(file.read_bytes())):
            nearby = _nearby(name, file.parent)
            if nearby is None:
                found.add(name.partition(".")[0])
            elif nearby not in seen:
                seen.add(nearby)
                open_.append(nearby)
    return found


def _nearby(name: str, home: Path) -> Path | None:
    """The file of a module beside another one, or among lm-eval's tasks."""
    root = tasks_root()
    inside = name.removeprefix(_OF_LM_EVAL).replace(".", "/")
    places = [root / inside] if name.startswith(_OF_LM_EVAL) else [home / inside]
    for place in places:
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                return file.resolve()
    return None


def _names(tree: ast.AST) -> Iterator[str]:
    """Modules that code imports, but for those that it can do without."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from _from(node)
        elif isinstance(node, ast.Try) and _can_do_without(node):
            for part in (*node.handlers, *node.orelse, *node.finalbody):
                yield from _names(part)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for part in node.orelse:
                yield from _names(ast.Module([part], []))
        else:
            yield from _names(node)


def _from(node: ast.ImportFrom) -> Iterator[str]:
    if node.level:
        yield from ([node.module] if node.module else [alias.name for alias in node.names])
    elif node.module:
        yield node.module
        if node.module.startswith(_OF_LM_EVAL.rstrip(".")):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


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
