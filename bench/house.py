"""How well the code keeps its own rules: circles, long files and functions, who names a kind.

    python bench/house.py

Prints a line a figure with its bound, and the places that count; exit code 1 if a bound is not
kept. It imports nothing of evalsuite and reads the source alone.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "evalsuite"
KINDS = "kinds"

CODE_LINES, FILE_LINES, NAMING_FILES = 60, 400, 3


@dataclass(frozen=True)
class Figure:
    """A count, the most that it may be, and what was counted."""

    what: str
    bound: int
    found: list[str]

    @property
    def kept(self) -> bool:
        """Whether there are no more than allowed."""
        return len(self.found) <= self.bound


def modules(root: Path = ROOT) -> dict[str, Path]:
    """Dotted name → file, of all modules of the package."""
    found = {}
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of the package that a module imports, at its top or anywhere else."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name in known}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            modules = inside & known.keys()
            found |= modules
            if node.module in known and len(modules) < len(node.names):
                found.add(node.module)
    return found - {name}


def circles(known: dict[str, Path]) -> list[str]:
    """Groups of modules that import each other, in whatever order (Tarjan 1972)."""
    graph = {name: imports(name, path, known) for name, path in known.items()}
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[str] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            group = [stack.pop()]
            while group[-1] != name:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(" <-> ".join(sorted(group)))

    sys.setrecursionlimit(10_000)
    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def kinds(root: Path = ROOT) -> set[str]:
    """Names of the kinds of task: what ``kind`` may be in a task file."""
    text = "".join(p.read_text("utf-8") for p in (root / PACKAGE / KINDS).glob("*/kind.py"))
    return set(re.findall(r'^    name = "(\w+)"$', text, re.MULTILINE))


def naming(known: dict[str, Path], names: set[str]) -> Iterator[str]:
    """Modules outside ``kinds/`` that ask for a particular kind or import from its folder.

    A kind is named by ``kind="mteb"``, ``.kind == "mteb"`` (or ``in (…)``), a prefix ``mteb:`` in
    a text that is compared, or an import of ``evalsuite.kinds.mteb``. The names of libraries,
    formats of result files and docstrings do not count.
    """
    inside = f"{PACKAGE}.{KINDS}"
    for module, path in known.items():
        if module == inside or module.startswith(inside + "."):
            continue
        tree = ast.parse(path.read_text("utf-8"))
        places = sorted({place for place in _named(tree, names, known, path, module) if place})
        if places:
            yield f"{module}: {', '.join(places)}"


def _named(
    tree: ast.Module, names: set[str], known: dict[str, Path], path: Path, module: str
) -> Iterator[str]:
    folders = {f"{PACKAGE}.{KINDS}.{name}" for name in names}
    for other in imports(module, path, known):
        if any(other == folder or other.startswith(folder + ".") for folder in folders):
            yield f"imports {other}"
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "kind" and _is_name(node.value, names):
            yield f"line {node.value.lineno}"
        elif isinstance(node, ast.Compare) and _asks_for_kind(node, names):
            yield f"line {node.lineno}"


def _is_name(node: ast.expr, names: set[str]) -> bool:
    return isinstance(node, ast.Constant) and node.value in names


def _asks_for_kind(node: ast.Compare, names: set[str]) -> bool:
    sides = [node.left, *node.comparators]
    asked = any(isinstance(side, ast.Attribute) and side.attr == "kind" for side in sides)
    values = [value for side in sides for value in getattr(side, "elts", [side])]
    return asked and any(_is_name(value, names) for value in values)


def long_functions(root: Path = ROOT) -> Iterator[str]:
    """Functions of the package that are too long to be taken in at once."""
    for path in sorted((root / PACKAGE).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            if lines > CODE_LINES:
                yield f"{path.relative_to(root)}:{node.lineno} {node.name}: {lines} lines"


def long_files(root: Path = ROOT) -> Iterator[str]:
    """Files of the package, its tests and benches that are too long."""
    for folder in (PACKAGE, "tests", "bench"):
        for path in sorted((root / folder).rglob("*.py")):
            lines = len(path.read_text("utf-8").splitlines())
            if lines > FILE_LINES:
                yield f"{path.relative_to(root)}: {lines} lines"


def figures(root: Path = ROOT) -> list[Figure]:
    """All figures, of a checkout."""
    known = modules(root)
    return [
        Figure("import circles between files", 0, circles(known)),
        Figure(
            "files outside kinds/ that name a particular kind",
            NAMING_FILES,
            list(naming(known, kinds(root))),
        ),
        Figure(f"functions over {CODE_LINES} lines", 0, list(long_functions(root))),
        Figure(f"files over {FILE_LINES} lines", 0, list(long_files(root))),
    ]


def main() -> int:
    """Print the figures."""
    found = figures()
    for figure in found:
        mark = "kept" if figure.kept else "NOT KEPT"
        print(f"{figure.what}: {len(figure.found)}, at most {figure.bound}: {mark}")
        for place in figure.found:
            print(f"    {place}")
    return 0 if all(figure.kept for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
