"""The files of a checkpoint: whether they are all there, and a hold on them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from errno import EMLINK, ENOTSUP, EPERM, EXDEV
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from evalsuite.checkpoint.folder import CODE_FILES, CONFIG_FILES, TOKENIZER_FILES, read_folder
from evalsuite.checkpoint.integrity import weight_files, weights_in
from evalsuite.errors import CheckpointError
from evalsuite.files import write_atomically
from evalsuite.watch.discovery import STATE, Found
from evalsuite.watch.models import Held

OF_TRAINING: Final = (
    *("optimizer*", "scheduler*", "scaler*", "rng_state*", "random_states*", "training_args.bin"),
    *("global_step*", "pytorch_model_fsdp*", "*.distcp", "*.pth", "events.out.*", "latest"),
)
"""Files and folders that only the trainer reads, and that may be larger than the weights."""
OF_TRAINER: Final = ("optimizer.pt", "scheduler.pt")
"""Files that transformers' Trainer writes before ``trainer_state.json``, which it writes last; a
model that is saved alone has neither."""
IDENTITY: Final = (
    *("*.safetensors", "*.safetensors.index.json", "pytorch_model*", "adapter_model*"),
    *CONFIG_FILES,
    *TOKENIZER_FILES,
    *CODE_FILES,
)
"""Files by which one content of a folder is told from another."""
ORIGIN: Final = "origin.json"
EXPORTED: Final = (
    "only a trainer's own shards are there: export it in safetensors, see docs/watch.md"
)

Stamps = dict[str, tuple[int, int]]
"""Name below the folder → size in bytes and time of the last change in nanoseconds."""


def why_incomplete(found: Found, *, allow_pickle: bool = False) -> str | None:
    """Why a checkpoint cannot be evaluated yet; ``None`` if all its files are there.

    Index files name all shards, and the header of a safetensors file says how long it is.
    """
    try:
        folder = read_folder(found.model)
        if (found.model / "adapter_config.json").is_file():
            if not weights_in(found.model, "adapter_model", allow_pickle=allow_pickle):
                return f"{found.path} has no adapter_model.safetensors yet"
        elif not folder.config and not folder.modules:
            shards = any(next(found.path.rglob(name), None) for name in ("*.distcp", "*_states.pt"))
            return f"{found.path} has no config.json" + (f"; {EXPORTED}" if shards else "")
        else:
            weight_files(folder, allow_pickle=allow_pickle)
    except CheckpointError as error:
        return error.message
    except OSError as error:  # deleted while it is looked at
        return error.strerror or str(error)
    by_trainer = any((found.path / name).exists() for name in OF_TRAINER)
    if by_trainer and not (found.path / STATE).is_file():
        return f"{found.path} has no {STATE} yet"
    return None


def stamps(folder: Path, patterns: tuple[str, ...] = ("*",)) -> Stamps:
    """Size and time of the files that a hold keeps.

    Raises:
        OSError: If one of them is deleted meanwhile.
    """
    kept: Stamps = {}
    for name, path in _kept(folder).items():
        if any(fnmatch(path.name, pattern) for pattern in patterns):
            status = path.stat()
            kept[name] = (status.st_size, status.st_mtime_ns)
    return kept


def key_of(found: Found, seen: Mapping[str, tuple[int, int]]) -> str:
    """Tells a checkpoint from others, and from other contents of the same folder."""
    own = {
        name: stamp
        for name, stamp in seen.items()
        if any(fnmatch(name.rpartition("/")[2], pattern) for pattern in IDENTITY)
    }
    plain = json.dumps([str(found.path), sorted(own.items())])
    return hashlib.sha256(plain.encode()).hexdigest()[:24]


def hold(found: Found, seen: Stamps, room: Path) -> Held | None:
    """Keep a checkpoint's files, whatever the trainer does to its folder.

    Hard links where the file system allows them, else copies. The copy has the names of the
    original, and so the same fingerprint. It appears whole or not at all.

    Args:
        found: A complete checkpoint.
        seen: Its :func:`stamps`.
        room: The folder of all holds.

    Returns:
        The hold; ``None`` if the files changed or were deleted meanwhile.

    Raises:
        OSError: If the room cannot be written.
    """
    key = key_of(found, seen)
    inside = Path(found.path.parent.resolve().name or "run") / found.path.name
    partial = room / f".{key}"
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name, path in _kept(found.model).items():
            _link_or_copy(path, partial / inside / name)
        if stamps(partial / inside) != seen:
            return None
        held = Held(
            key=key,
            path=found.path,
            name=found.name,
            step=found.step,
            copy_path=room / key / inside,
        )
        write_atomically(partial / ORIGIN, held.model_dump_json().encode(), sync=True)
        partial.rename(room / key)
    except FileNotFoundError:
        return None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return held


def holds(room: Path) -> list[Held]:
    """The holds in a room, wherever the room has been moved to."""
    found = []
    for origin in room.glob(f"[!.]*/{ORIGIN}"):
        held = Held.model_validate_json(origin.read_bytes())
        inside = Path(*held.copy_path.parts[-2:])
        found.append(held.model_copy(update={"copy_path": origin.parent / inside}))
    return found


def release(key: str, room: Path) -> None:
    """Give up a hold; the disk space is free once the trainer has deleted the original, too."""
    gone = room / f".{key}"
    if (room / key).is_dir():
        (room / key).rename(gone)  # a hold without all its files must not look like one
    shutil.rmtree(gone, ignore_errors=True)


def _kept(folder: Path) -> dict[str, Path]:
    """Name below the folder → file, without what only the trainer reads."""
    found: dict[str, Path] = {}
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _of_training(name)]
        for name in files:
            if not _of_training(name):
                path = Path(place, name)
                found[path.relative_to(folder).as_posix()] = path
    return found


def _of_training(name: str) -> bool:
    return name.startswith(".") or any(fnmatch(name, pattern) for pattern in OF_TRAINING)


def _link_or_copy(path: Path, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    try:
        # A link to a link would not outlive what it points to.
        os.link(path.resolve(strict=True), to)
    except FileNotFoundError:
        raise
    except OSError as error:
        if error.errno not in (EXDEV, EPERM, ENOTSUP, EMLINK):
            raise
        shutil.copy2(path, to)
