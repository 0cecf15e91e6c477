"""A local mirror of the hub: where a data set lies, and what the manifest says of it.

A mirror holds ``org/name`` folders in the layout of Hugging Face dataset repositories. One that
``evalsuite data fetch`` made has a manifest; one made by hand needs none.
"""

from __future__ import annotations

import json
from datetime import datetime
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from evalsuite.data.hashes import hash_folder
from evalsuite.errors import DataError, StoreError, first_invalid, first_line
from evalsuite.files import replacing, write_atomically
from evalsuite.paths import cache_dir
from evalsuite.schema import Frozen

MANIFEST = "evalsuite-manifest.json"
REVISION_DIGITS = 12
"""Of a commit, in the folder name of a data set's second revision."""


class FileEntry(Frozen):
    """One file of a data set."""

    sha256: str
    size: int


class DatasetEntry(Frozen):
    """One data set of a mirror, at one commit."""

    name: str
    """``org/name``."""
    revision: str
    """The commit that was fetched."""
    licence: str
    """As the data set's card states it; ``unknown`` where it does not."""
    fetched: datetime
    files: dict[str, FileEntry]
    """Path inside the data set's folder → what was fetched."""

    @property
    def size(self) -> int:
        """Bytes in all files."""
        return sum(file.size for file in self.files.values())


class Manifest(Frozen):
    """What ``evalsuite data fetch`` put into a mirror."""

    schema_version: Literal[1] = 1
    datasets: dict[str, DatasetEntry] = Field(default_factory=dict)
    """Folder inside the mirror → what is in it."""

    @model_validator(mode="after")
    def _inside(self) -> Self:
        """A mirror may come from anywhere: it names nothing outside itself."""
        for folder, entry in self.datasets.items():
            for name in (folder, *entry.files):
                if not is_inside(name):
                    raise ValueError(f"{name!r} is not a path inside the mirror")
        return self


def is_inside(name: str) -> bool:
    """Whether a relative path stays where it starts."""
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def read_manifest(root: Path) -> Manifest:
    """The manifest of a mirror; an empty one if it has no manifest.

    Raises:
        DataError: If it cannot be read.
    """
    path = root / MANIFEST
    try:
        status = path.stat()
        # A plan asks for each of its tasks; the file is replaced as a whole, never changed.
        return _parsed(path, status.st_mtime_ns, status.st_ino)
    except FileNotFoundError:
        return Manifest()
    except ValidationError as error:
        _, reason = first_invalid(error)
    except OSError as error:
        reason = first_line(error)
    raise DataError(f"{path} cannot be read: {reason}", "move it away and fetch again")


@lru_cache(maxsize=4)
def _parsed(path: Path, changed: int, inode: int) -> Manifest:  # noqa: ARG001 - of the cache's key
    return Manifest.model_validate_json(path.read_bytes())


def write_manifest(root: Path, manifest: Manifest) -> None:
    """Write the manifest whole or not at all.

    Raises:
        StoreError: If the folder cannot be written.
    """
    try:
        plain = manifest.model_dump(mode="json")
        write_atomically(root / MANIFEST, json.dumps(plain, indent=1, sort_keys=True).encode())
    except OSError as error:
        raise StoreError(f"{root / MANIFEST} cannot be written: {error.strerror}") from None


def dataset_folder(root: Path, name: str, revision: str | None = None) -> Path | None:
    """Find a data set in a local mirror of the hub.

    Args:
        root: Folder with one folder per organisation.
        name: Hub name, ``org/name``.
        revision: The commit that is wanted. A folder of which the manifest says that it holds
            another one, or whose files are not of the sizes that it states, is not taken; a
            folder that the manifest does not know is.

    Returns:
        ``root/org/name`` (or ``root/org/name@…`` for a further revision) if it is a directory
        inside ``root``.
    """
    if any(part in ("", ".", "..") for part in name.split("/")):
        return None
    held = read_manifest(root).datasets
    for relative in places(name, revision):
        entry = held.get(relative)
        other = entry is not None and revision not in (None, "main", entry.revision)
        damaged = entry is not None and not intact(root / relative, entry)
        if (root / relative).is_dir() and not other and not damaged:
            return root / relative
    return None


def intact(folder: Path, entry: DatasetEntry) -> bool:
    """Whether all files of a data set are there, with their sizes; reads none of them."""
    return all(size_of(folder / path) == file.size for path, file in entry.files.items())


def size_of(path: Path) -> int | None:
    """Size of a file in bytes; ``None`` if it does not exist."""
    try:
        return path.stat().st_size
    except OSError:
        return None


def places(name: str, revision: str | None) -> tuple[str, ...]:
    """Where a data set may lie in a mirror; the first is for a second revision of it."""
    if revision is None or revision == "main":
        return (name,)
    return (f"{name}@{revision[:REVISION_DIGITS]}", name)


def converted_folder(folder: Path) -> Path:
    """Where the ``datasets`` library may keep its converted copy of a local data set.

    Left to itself it finds a copy again by the folder's last name and its README alone, and gives
    the rows of another folder, or those from before a change. Here the content decides.

    Args:
        folder: The data set's folder.

    Returns:
        A folder for the ``cache_dir`` of ``load_dataset``, in the user's cache.
    """
    return cache_dir() / "datasets" / hash_folder(folder)[:32]


def content_link(folder: Path) -> Path:
    """A link to a local data set, named after its content.

    For loaders that take no ``cache_dir``: the ``datasets`` library finds its converted
    copy again by the folder's last name (see :func:`converted_folder`).

    Args:
        folder: The data set's folder.

    Returns:
        The link, in the user's cache.
    """
    link = cache_dir() / "datasets" / f"{hash_folder(folder)[:32]}-{folder.name}"
    target = folder.resolve()
    if link.is_symlink() and link.readlink() == target:
        return link
    with replacing(link) as fresh:
        fresh.symlink_to(target)
    return link
