"""Which packages the code of an lm-eval task imports that are not installed; nothing is run."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from evalsuite.errors import DataError, first_line
from evalsuite.kinds.lm_eval.configs import full_config, function_files
from evalsuite.kinds.lm_eval.names import is_known, tasks_root
from evalsuite.kinds.lm_eval.needs import members
from evalsuite.kinds.shared.packages import module_file, not_installed, package_of

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
            modules |= set(function_files(full_config(entry.path), entry.path.parent))
    return not_installed(modules, _nearby)


def missing_package(name: str, folder: Path | None, error: Exception) -> DataError | None:
    """The error of a task whose code needs packages that are not installed.

    Args:
        name: lm-eval's name for it, or the name of a task on own data.
        folder: A person's own folder of files in lm-eval's format.
        error: What the code raised. Its authors may say it in words of their own.

    Returns:
        An error that names all such packages; ``None`` if the code failed for another reason.
    """
    failed = _failed_import(error)
    imported = {package_of((failed.name or "").partition(".")[0])} if failed else set()
    imported -= {"", "lm-eval"}
    known = set(lacking_packages(name, folder)) if is_known(name, folder) else set()
    if failed and not (imported | known):
        reason = f"lm_eval:{name} needs a package that is not installed: {first_line(failed)}"
        return DataError(reason, "install it beside evalsuite")
    if not failed and not any(package in str(error) for package in known):
        return None
    needed = sorted(imported | known)
    several = len(needed) > 1
    what, are = ("packages", "are") if several else ("package", "is")
    return DataError(
        f"lm_eval:{name} needs the {what} {', '.join(needed)}, which {are} not installed",
        f"install {'them' if several else 'it'} beside evalsuite: pip install {' '.join(needed)}",
    )


def _failed_import(error: BaseException) -> ImportError | None:
    """The import that failed behind an error."""
    found: ImportError | None = None
    seen: BaseException | None = error
    for _ in range(10):  # as long as any chain is
        if isinstance(seen, ImportError) and (found is None or not found.name):
            found = seen
        seen = seen and (seen.__cause__ or seen.__context__)
    return found


def _nearby(name: str, home: Path) -> Path | None:
    """The file of a module beside another one, or among lm-eval's tasks."""
    inside = name.removeprefix(_OF_LM_EVAL).replace(".", "/")
    root = tasks_root() if name.startswith(_OF_LM_EVAL) else home
    return module_file(root / inside)
