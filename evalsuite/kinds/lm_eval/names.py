"""Finding an lm-eval task by name in milliseconds.

lm-eval reads some 14,000 YAML files (10–16 seconds) to learn the names of its tasks. Here that
is done once for a version of lm-eval, and kept in the user's cache. The task files that evalsuite
ships, in lm-eval's own format, are few and are read each time.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from evalsuite.errors import UsageError, did_you_mean
from evalsuite.installing import GENERATIVE
from evalsuite.kinds.lm_eval.configs import full_config, read_config
from evalsuite.kinds.shared.name_cache import remembered
from evalsuite.paths import shipped_tasks
from evalsuite.schema import digest

SHARED_CODE = (
    "kinds/shared/answers.py",
    "sandbox/sandbox.py",
    "sandbox/inside/answerer.py",
    "sandbox/inside/checker.py",
    "sandbox/inside/wire.py",
)
"""Modules of the package that those of ``grit/`` call."""

STATED_VERSIONS = "versions.json"
"""File beside the shipped task files: folder → the version that its content is known by."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One name that lm-eval knows."""

    name: str
    kind: str
    """``TASK``, ``PY_TASK``, ``GROUP`` or ``TAG``."""
    path: Path | None
    """The YAML file; tags have none."""
    tags: tuple[str, ...]
    """Of a tag: the tasks that carry it."""


def version() -> str:
    """Version of the installed lm-eval.

    Raises:
        UsageError: If it is not installed.
    """
    try:
        return metadata.version("lm-eval")
    except metadata.PackageNotFoundError:
        raise UsageError("lm-eval is not installed", GENERATIVE) from None


@cache
def shipped_index() -> dict[str, IndexEntry]:
    """The tasks and groups that evalsuite ships, by name."""
    return {entry.name: entry for entry in _shipped_entries()}


def _shipped_entries() -> Iterator[IndexEntry]:
    for path in sorted((shipped_tasks() / "lm_eval").rglob("[!_]*.yaml")):
        plain = read_config(path)
        if isinstance(name := plain.get("group"), str):
            yield IndexEntry(name, "GROUP", path, ())
        elif isinstance(name := plain.get("task"), str):
            yield IndexEntry(name, "TASK", path, ())


def shipped_version(name: str) -> str | None:
    """What a shipped task is, as ``gsm8k-1a2b3c4d``; ``None`` for lm-eval's own.

    An evalsuite task only names the lm-eval task, so its own hash does not change when a prompt
    does. This version covers all files in the folder of the task file and the Python modules that
    such files call. It errs on the safe side: a change to one of the shared modules makes the
    scores of all shipped tasks be computed again.

    Where the content is the one that :data:`STATED_VERSIONS` names, the version stated there
    counts: code that was moved or renamed without a change in what it computes keeps its scores.
    """
    entry = shipped_index().get(name)
    if entry is None or entry.path is None:
        return None
    folder = entry.path.parent
    content = content_digest(folder)
    stated = _stated_versions().get(folder.name, {})
    version = stated["version"] if stated.get("content") == content else content[:8]
    return f"{folder.name}-{version}"


@cache
def content_digest(folder: Path) -> str:
    """Hash of what the task files of a folder say and of the code that they call: 64 hex digits.

    Comments, docstrings, imports and the place of a module in the package do not count.
    """
    package = Path(__file__).parents[2]
    modules = [package / name for name in SHARED_CODE]
    modules += sorted((Path(__file__).parent / "grit").glob("*.py"))
    texts = {file.name: file.read_text("utf-8") for file in folder.glob("*.yaml")}
    plain = {name: _FUNCTION.sub(r"\1\2", text) for name, text in texts.items()}
    # By name, not by path: the same in a checkout and in an installed package.
    code = {file.name: _computation(file.read_text("utf-8")) for file in modules}
    return digest(plain | code)


_FUNCTION = re.compile(r"(!function )[\w.]+\.(\w+\.\w+)$", re.MULTILINE)
"""The name of a function in a task file; its module's name and its own are kept."""


def _computation(source: str) -> str:
    """The lines of a module without imports, docstrings, comments and blank lines.

    Lines and not the parsed tree, which looks different in each version of Python.
    """
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if _says_nothing(node):
            assert isinstance(node, ast.stmt)
            assert node.end_lineno is not None
            lines[node.lineno - 1 : node.end_lineno] = [""] * (node.end_lineno - node.lineno + 1)
    kept = (line.rstrip() for line in lines if not line.lstrip().startswith("#"))
    return "\n".join(filter(None, kept))


def _says_nothing(node: ast.AST) -> bool:
    """Whether a statement is an import or a text that is not used, as docstrings are."""
    text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return text or isinstance(node, ast.Import | ast.ImportFrom)


@cache
def _stated_versions() -> dict[str, dict[str, str]]:
    stated = json.loads((shipped_tasks() / "lm_eval" / STATED_VERSIONS).read_text("utf-8"))
    return dict(stated)


@cache
def load_index() -> dict[str, IndexEntry]:
    """All names that lm-eval knows, from the cache or (once) from lm-eval itself."""
    root = tasks_root()
    plain = remembered(f"lm-eval-{version()}.json", lambda: _scan(root))
    return {
        name: IndexEntry(name, kind, root / file if file else None, tuple(tags))
        for name, (kind, file, tags) in plain.items()
    }


def find(name: str, folder: Path | None = None) -> IndexEntry:
    """Look up a task, group or tag: among a person's own, the shipped ones, then in lm-eval.

    Args:
        name: lm-eval's name for it.
        folder: A person's own folder of files in lm-eval's format.

    Raises:
        UsageError: If none has anything by that name; names the nearest ones.
    """
    own = folder_index(folder) if folder else {}
    if name in own:
        return own[name]
    shipped = shipped_index()
    if name in shipped:
        return shipped[name]
    index = load_index()
    if name not in index:
        known = [*own, *shipped, *index]
        raise UsageError(f"lm-eval {version()} has no task {name!r}", did_you_mean(name, known))
    return index[name]


def is_known(name: str, folder: Path | None = None) -> bool:
    """Whether :func:`find` finds a name."""
    own = folder_index(folder) if folder else {}
    return name in own or name in shipped_index() or name in load_index()


def folder_index(folder: Path) -> dict[str, IndexEntry]:
    """The tasks, groups and tags of a person's own folder of files in lm-eval's format, by name.

    Raises:
        UsageError: If a file is not valid, or two have one name.
    """
    found: dict[str, IndexEntry] = {}
    tags: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.yaml")):
        # As in lm-eval: files to be included hold no name; here they may begin with "_" too.
        entry = None if path.name.startswith("_") else _entry_of(path)
        if entry is None:
            continue
        if entry.name in found:
            other = found[entry.name].path
            raise UsageError(f"{path}: {entry.name!r} is already defined in {other}", "rename one")
        found[entry.name] = entry
        for tag in entry.tags:
            tags.setdefault(tag, []).append(entry.name)
    for tag, members in tags.items():
        found.setdefault(tag, IndexEntry(tag, "TAG", None, tuple(members)))
    return found


def _entry_of(path: Path) -> IndexEntry | None:
    """What a file defines; ``None`` for one that is there to be included."""
    plain = full_config(path)
    listed = plain.get("tag") or ()
    tags = (listed,) if isinstance(listed, str) else tuple(map(str, listed))
    if isinstance(name := plain.get("group"), str):
        return IndexEntry(name, "GROUP", path, ())
    if isinstance(name := plain.get("task"), str):
        return IndexEntry(name, "PY_TASK" if "class" in plain else "TASK", path, tags)
    return None


def tasks_root() -> Path:
    """The folder of lm-eval's own task files; does not import lm-eval.

    Raises:
        UsageError: If lm-eval is not installed.
    """
    from importlib.util import find_spec

    spec = find_spec("lm_eval")
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("lm-eval is not installed", GENERATIVE)
    return Path(spec.submodule_search_locations[0]) / "tasks"


def _scan(root: Path) -> dict[str, Any]:
    from lm_eval.tasks import TaskManager

    return {
        name: [
            entry.kind.name,
            entry.yaml_path.relative_to(root).as_posix() if entry.yaml_path else None,
            sorted(entry.tags) if entry.kind.name == "TAG" else [],
        ]
        for name, entry in TaskManager().task_index.items()
    }
