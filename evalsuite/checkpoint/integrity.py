"""Which weight files a checkpoint loads, and whether they are whole and safe to load."""

from __future__ import annotations

import json
import math
import re
import struct
from pathlib import Path
from typing import Any, Final

from evalsuite.checkpoint.folder import Folder, class_name, read_object
from evalsuite.errors import CheckpointError

WAIT: Final = "wait until it is complete"
_PICKLE = re.compile(r"(pytorch_model|adapter_model|model|consolidated).*\.(bin|pt|pth|ckpt)")
_LOADABLE_PICKLE = re.compile(r"(pytorch_model(-\d+-of-\d+)?|adapter_model)\.bin")
_SHARD = re.compile(r".*-\d+-of-(\d+)\.safetensors")
_LFS_POINTER = b"version https://git-lfs"
MOST_HEADER_BYTES: Final = 100_000_000
"""The safetensors format's own limit."""
_BITS: Final = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64"), 64),
}
"""Bits of a number; other types are not checked for their size."""


def weight_files(folder: Folder, *, allow_pickle: bool = False) -> tuple[Path, ...]:
    """Find and check the weight files that the engines will load.

    Args:
        folder: A full model (not an adapter).
        allow_pickle: Accept ``pytorch_model.bin`` where there is no safetensors file.

    Raises:
        CheckpointError: Where weights are missing, cut off, or pickles that were not allowed.
    """
    found: list[Path] = []
    for part in folder.parts:
        here = weights_in(part, "model", allow_pickle=allow_pickle)
        if not here and part == folder.model_path and not _without_weights(folder):
            raise CheckpointError(
                f"{folder.path} has no weights (no model.safetensors)",
                f"if it is still being written, {WAIT}",
            )
        found += here
    return tuple(found)


def _without_weights(folder: Folder) -> bool:
    """Whether a sentence-transformers model begins with a bag of words, which has no weights."""
    return bool(folder.modules) and class_name(folder.modules[0].get("type")) == "BoW"


def weights_in(folder: Path, stem: str, *, allow_pickle: bool) -> tuple[Path, ...]:
    """Find and check the weight files in one folder.

    Args:
        folder: Where to look; not below it.
        stem: ``model`` or ``adapter_model``.
        allow_pickle: See :func:`weight_files`.

    Returns:
        The files, with the index of sharded ones; empty where the folder holds none.

    Raises:
        CheckpointError: As :func:`weight_files`.
    """
    single = folder / f"{stem}.safetensors"
    if single.is_file():
        read_header(single)
        return (single,)
    index = folder / f"{stem}.safetensors.index.json"
    if shards := _shards(folder, index):
        for shard in shards:
            read_header(shard)
        return (index, *shards)
    stray = sorted(path for path in folder.glob(f"{stem}-*") if _SHARD.fullmatch(path.name))
    if stray and (match := _SHARD.fullmatch(stray[0].name)):
        raise CheckpointError(
            f"{folder} is still being written or incomplete: {len(stray)} of {int(match[1])} "
            f"shards are there and {stem}.safetensors.index.json is missing",
            WAIT,
        )
    return _pickles(folder, allow_pickle)


def _shards(folder: Path, index: Path) -> tuple[Path, ...]:
    """Files that an index names, all of them present."""
    listed = read_object(index).get("weight_map", {})
    if not isinstance(listed, dict) or not all(map(_is_file_name, listed.values())):
        raise CheckpointError(
            f"{index} lists names that are not plain file names", "restore the original file"
        )
    names = sorted(set(listed.values()))
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        shown = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
        verb = "is" if len(missing) == 1 else "are"
        raise CheckpointError(
            f"{folder} is still being written or incomplete: {len(missing)} of {len(names)} "
            f"shards {verb} missing ({shown})",
            WAIT,
        )
    return tuple(folder / name for name in names)


def _is_file_name(name: object) -> bool:
    return isinstance(name, str) and name == Path(name).name and name not in ("", "..")


def _pickles(folder: Path, allow_pickle: bool) -> tuple[Path, ...]:
    pickles = sorted(path for path in folder.iterdir() if _PICKLE.fullmatch(path.name))
    if not pickles:
        return ()
    if not allow_pickle:
        raise CheckpointError(
            f"{folder} has only pickle weights ({pickles[0].name}), which can run code when loaded",
            "convert to safetensors or pass --allow-pickle",
        )
    index = folder / "pytorch_model.bin.index.json"
    if shards := _shards(folder, index):
        return (index, *shards)
    loadable = tuple(path for path in pickles if _LOADABLE_PICKLE.fullmatch(path.name))
    if not loadable:
        raise CheckpointError(
            f"{folder} has weights in a form that transformers does not load ({pickles[0].name})",
            "convert to safetensors",
        )
    if empty := [path for path in loadable if path.stat().st_size == 0]:
        raise CheckpointError(f"{empty[0]} is still being written or incomplete: 0 bytes", WAIT)
    return loadable


def read_header(path: Path) -> dict[str, Any]:
    """Read and check the header of a safetensors file.

    The format is a little-endian 64-bit header length, the JSON header, and the tensors'
    bytes, whose ranges the header gives relative to its own end.

    Returns:
        Tensor name → ``dtype``, ``shape`` and ``data_offsets``.

    Raises:
        CheckpointError: Where the file is shorter than its header says, or not safetensors.
    """
    size = path.stat().st_size
    if not path.is_file():
        raise CheckpointError(f"{path} is not a plain file", "restore the original file")
    with path.open("rb") as file:
        start = file.read(8)
        if start + file.read(len(_LFS_POINTER) - 8) == _LFS_POINTER:
            raise CheckpointError(
                f"{path} is a Git LFS pointer, not the weights", "run: git lfs pull"
            )
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length == 0 or 8 + length > size:
            raise _cut_off(path, size)
        if length > MOST_HEADER_BYTES:
            raise CheckpointError(
                f"{path} has a header of {length >> 20:,} MiB, more than the format allows",
                "restore the original file",
            )
        file.seek(8)
        raw = file.read(length)
    try:
        header = json.loads(raw)
        tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
        end = _end(tensors)
    except (ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{path} is not a safetensors file (its header is not readable)",
            f"if it is still being written, {WAIT}",
        ) from error
    if 8 + length + end != size:
        raise _cut_off(path, size, 8 + length + end)
    return tensors


def _end(tensors: dict[str, Any]) -> int:
    """Bytes of all tensors, which lie one behind the other without gaps.

    Raises:
        ValueError: If they do not, or are not as large as their shapes say.
    """
    at = 0
    for start, end, entry in sorted(
        ((*entry["data_offsets"], entry) for entry in tensors.values()), key=lambda one: one[:2]
    ):
        count = math.prod(entry["shape"])
        bits = _BITS.get(entry["dtype"])
        if start != at or end < start or min(entry["shape"], default=0) < 0:
            raise ValueError("tensors overlap or leave gaps")
        if bits is not None and count * bits != (end - start) * 8:
            raise ValueError("a tensor is not as large as its shape")
        at = end
    return at


def _cut_off(path: Path, size: int, wanted: int | None = None) -> CheckpointError:
    of = f" of {wanted:,}" if wanted else ""
    return CheckpointError(
        f"{path} is still being written or cut off: it has {size:,}{of} bytes", WAIT
    )
