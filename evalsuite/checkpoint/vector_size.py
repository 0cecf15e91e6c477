"""How many dimensions a checkpoint's vectors have, by its files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from evalsuite.checkpoint.folder import class_name, read_json, read_object
from evalsuite.checkpoint.models import Checkpoint
from evalsuite.checkpoint.modules import CONFIG

_WIDTHS: Final = ("hidden_size", "n_embd", "d_model", "dim")
"""Keys by which configs of different families give the length of a hidden state."""
_KEEP_THE_SIZE: Final = frozenset({"Transformer", "Normalize", "LayerNorm", "Dropout"})


def vector_size(checkpoint: Checkpoint) -> int | None:
    """Dimensions of the vectors; ``None`` where the files do not say it plainly."""
    protocol = checkpoint.embedding
    if protocol is None:
        return None
    if protocol.engine != "sentence-transformers":
        return _width(checkpoint.path)
    cut = read_object(checkpoint.path / CONFIG).get("truncate_dim")
    size: int | None = None
    for module in read_json(checkpoint.path / "modules.json") or ():
        folder = checkpoint.path / str(module.get("path", ""))
        name = class_name(str(module.get("type", "")))
        if name == "Transformer":
            size = _width(folder)
        elif name == "Dense":
            stated = read_object(folder / "config.json").get("out_features")
            size = stated if isinstance(stated, int) else None
        elif name == "Pooling":
            size = size if _pools_once(folder) else None
        elif name not in _KEEP_THE_SIZE:
            return None
    return min(size, cut) if size and isinstance(cut, int) else size


def _width(folder: Path) -> int | None:
    config = read_object(folder / "config.json")
    config = {**config, **(config.get("text_config") or {})}
    found = next((config[key] for key in _WIDTHS if key in config), None)
    return found if isinstance(found, int) else None


def _pools_once(folder: Path) -> bool:
    """Whether a pooling gives one vector of the hidden size; several ways are put side by side."""
    config = read_object(folder / "config.json")
    if isinstance(mode := config.get("pooling_mode"), str):
        return "+" not in mode
    return sum(bool(value) for key, value in config.items() if key.startswith("pooling_mode_")) <= 1
