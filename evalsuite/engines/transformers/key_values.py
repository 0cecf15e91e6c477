"""Key-value caches of single texts: joined, sized, and kept in files.

A cache belongs to one text that was run alone, so that none of its positions is padding.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalsuite.errors import StoreError


@dataclass(frozen=True, slots=True)
class KeyValues:
    """What each layer keeps of a text: keys (rotated to their positions) and values.

    Attributes:
        layers: One pair a layer, each of shape ``(1, key-value heads, tokens, head size)``.
    """

    layers: tuple[tuple[Any, Any], ...]

    @property
    def tokens(self) -> int:
        """Number of positions."""
        return int(self.layers[0][0].shape[2])

    @property
    def nbytes(self) -> int:
        """Bytes of all keys and values."""
        return sum(part.numel() * part.element_size() for pair in self.layers for part in pair)

    def __add__(self, other: KeyValues) -> KeyValues:
        """This text's positions, then the other's, each with the rotation that it was made with.

        As in the GRIT authors' ``rag/eval.py``: the second part's keys are not rotated further.
        """
        import torch

        return KeyValues(
            tuple(
                (torch.cat([k, more_k], dim=2), torch.cat([v, more_v], dim=2))
                for (k, v), (more_k, more_v) in zip(self.layers, other.layers, strict=True)
            )
        )

    def as_cache(self) -> Any:
        """A cache of transformers that starts with these states and grows away from them.

        Every layer keeps all positions; sliding windows are the attention mask's business.
        """
        from transformers import DynamicCache

        cache = DynamicCache()
        for layer, (keys, values) in enumerate(self.layers):
            cache.update(keys, values, layer)
        return cache

    @classmethod
    def of_cache(cls, cache: Any) -> KeyValues:
        """The states that a pass has left in a cache of transformers."""
        return cls(tuple((layer.keys, layer.values) for layer in cache.layers))


def write_key_values(states: KeyValues, path: Path) -> None:
    """Write a cache in safetensors format, and see that it is on the disk.

    Raises:
        StoreError: If it cannot be written.
    """
    from safetensors.torch import save

    tensors = {
        f"{layer}.{name}": part.contiguous().cpu()
        for layer, pair in enumerate(states.layers)
        for name, part in zip(("keys", "values"), pair, strict=True)
    }
    try:
        with path.open("wb") as stream:
            stream.write(save(tensors))
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror}") from error


def read_key_values(path: Path, device: str) -> KeyValues:
    """Read a cache from a file to a device."""
    from safetensors.torch import load

    tensors = load(path.read_bytes())
    return KeyValues(
        tuple(
            (tensors[f"{layer}.keys"].to(device), tensors[f"{layer}.values"].to(device))
            for layer in range(len(tensors) // 2)
        )
    )


def forget_file(path: Path) -> bool:
    """Drop a file from the operating system's page cache, so that the next read is of the disk.

    Returns:
        Whether the system offers that.
    """
    if not hasattr(os, "posix_fadvise"):
        return False
    handle = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(handle)
    return True
