"""How a model numbers the positions of tokens, by its config."""

from __future__ import annotations

from typing import Any, Final

from evalsuite.checkpoint.folder import Folder, read_object

_RELATIVE: Final = ("rope", "rotary", "alibi", "relative_attention")
"""Beginnings of config keys of models whose attention sees distances of tokens alone."""
_COUNTED: Final = frozenset({
    "roberta", "xlm-roberta", "xlm-roberta-xl", "roberta-prelayernorm", "camembert", "xmod",
    "data2vec-text", "ibert", "longformer", "mpnet", "esm", "opt",
})  # fmt: skip
"""Families that do not count padding tokens as positions."""
_WITHOUT_KEYS: Final = frozenset({"t5", "mt5", "umt5", "bloom", "mpt", "modernbert", "gemma3_text"})
"""Families with relative positions whose config need not say so."""


def pads_left_with_absolute_positions(folder: Folder) -> bool:
    """Whether padding as the tokenizer says would move the positions of a text's tokens."""
    stored = read_object(folder.model_path / "tokenizer_config.json")
    return stored.get("padding_side") == "left" and not _free_of_padding(folder.config)


def _free_of_padding(config: dict[str, Any]) -> bool:
    kind = config.get("model_type")
    if kind in _COUNTED or kind in _WITHOUT_KEYS or config.get("position_embedding_type") == "rope":
        return True
    return any(key.startswith(_RELATIVE) and value for key, value in config.items())
