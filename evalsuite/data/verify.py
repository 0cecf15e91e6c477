"""Checking a mirror against its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from evalsuite.data.mirror import read_manifest
from evalsuite.files import sha256
from evalsuite.schema import Frozen

State = Literal["missing", "changed", "extra", "unreadable"]


class Problem(Frozen):
    """One thing that is not as the manifest says."""

    folder: str
    file: str
    state: State


class Checked(Frozen):
    """One data set after the check."""

    folder: str
    revision: str
    licence: str
    files: int
    size: int
    problems: tuple[Problem, ...]


def verify(root: Path) -> list[Checked]:
    """Hash all files that the manifest knows; find those that it does not know.

    Nothing is taken from the memory of hashes: what is on the disk now is read.

    Raises:
        DataError: If the manifest cannot be read.
    """
    checked = []
    for folder, entry in sorted(read_manifest(root).datasets.items()):
        problems = [
            Problem(folder=folder, file=path, state=state)
            for path, file in sorted(entry.files.items())
            if (state := _state(root / folder / path, file.sha256)) is not None
        ]
        problems += [
            Problem(folder=folder, file=path, state="extra")
            for path in _present(root / folder)
            if path not in entry.files
        ]
        checked.append(
            Checked(
                folder=folder,
                revision=entry.revision,
                licence=entry.licence,
                files=len(entry.files),
                size=entry.size,
                problems=tuple(problems),
            )
        )
    return checked


def unlisted(root: Path) -> list[str]:
    """Data sets of a mirror that its manifest does not know, as ``org/name``."""
    known = read_manifest(root).datasets
    found = (path.relative_to(root).as_posix() for path in root.glob("[!.]*/[!.]*"))
    return sorted(name for name in found if (root / name).is_dir() and name not in known)


def _state(path: Path, expected: str) -> State | None:
    try:
        return None if sha256(path) == expected else "changed"
    except FileNotFoundError:
        return "missing"
    except OSError:
        return "unreadable"


def _present(folder: Path) -> list[str]:
    """Files that a loader would see: hidden ones do not count."""
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(
        path.as_posix() for path in found if not any(part.startswith(".") for part in path.parts)
    )
