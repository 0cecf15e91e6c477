"""Whether config.json, the weights and the tokenizer are of one model, from what is cheap to read.

Libraries find out only while they load, and by then have made what config.json asks for: ten
million layers, if it says so.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, TypeGuard

from evalsuite.checkpoint.folder import Folder
from evalsuite.checkpoint.integrity import read_header
from evalsuite.errors import CheckpointError

EMBEDDINGS: Final = (
    "embed_tokens.weight", "wte.weight", "word_embeddings.weight", "tok_embeddings.weight",
)  # fmt: skip
"""Ends of the names of token embedding matrices."""
ONE_MODEL: Final = "copy config.json and the weights of one and the same model"

_LAYER: Final = re.compile(r"(?:^|\.)(?:layers?|blocks?|h)\.(\d+)\.")
_LAYERS: Final = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
_WIDTHS: Final = (
    "hidden_size", "n_embd", "d_model", "dim", "embedding_size", "word_embed_proj_dim",
)  # fmt: skip
"""Keys that may say how wide the token embeddings are."""
_AT_LEAST_ONE: Final = (*_WIDTHS, "num_attention_heads", "n_head", "n_heads", "vocab_size")
_PLAIN: Final = ("F64", "F32", "F16", "BF16")
"""Numbers of a matrix that is not packed, whose shape is so its shape."""


def check_shapes(folder: Folder) -> None:
    """Check that config.json describes the model that the weights are of.

    Raises:
        CheckpointError: If a size is below one, if there are fewer layers than it says, or the
            token embeddings are of another width.
    """
    config = _text_config(folder.config)
    for key in _AT_LEAST_ONE:
        if _is_number(value := config.get(key)) and value < 1:
            raise CheckpointError(
                f"{folder.model_path / 'config.json'} says {key} is {value}",
                "restore the original file",
            )
    weights = tensors(folder)
    numbers = [int(n) for name in weights for n in _LAYER.findall(name)]
    stated: int = next((n for key in _LAYERS if _is_number(n := config.get(key))), 0)
    if numbers and stated > max(numbers) + 1:
        raise CheckpointError(
            f"{folder.path}: config.json says {stated:,} layers, but there are weights of "
            f"{max(numbers) + 1:,}",
            ONE_MODEL,
        )
    _check_width(folder, config, weights)


def _check_width(folder: Folder, config: dict[str, Any], weights: dict[str, Any]) -> None:
    widths = [n for key in _WIDTHS if _is_number(n := config.get(key))]
    found = {
        entry["shape"][1]
        for name, entry in weights.items()
        if name.endswith(EMBEDDINGS) and len(entry["shape"]) == 2 and entry["dtype"] in _PLAIN
    }
    if widths and len(found) == 1 and not found <= set(widths):
        raise CheckpointError(
            f"{folder.path}: config.json says vectors of {widths[0]:,} numbers, but the embeddings "
            f"have {found.pop():,}",
            ONE_MODEL,
        )


def check_tokenizer(folder: Folder) -> None:
    """Check that ``tokenizer.json`` is one.

    Raises:
        CheckpointError: If the library does not take it.
    """
    path = tokenizer_file(folder)
    if path is None:
        return
    from tokenizers import Tokenizer

    try:
        Tokenizer.from_file(str(path))
    # The library raises nothing more exact than Exception.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise CheckpointError(
            f"{path} is not a tokenizer: {reason}", "restore the original file"
        ) from error


def tokenizer_file(folder: Folder) -> Path | None:
    """``tokenizer.json``, beside the weights or in the checkpoint's own folder."""
    for place in (folder.model_path, folder.path):
        if (place / "tokenizer.json").is_file():
            return place / "tokenizer.json"
    return None


def tensors(folder: Folder) -> dict[str, Any]:
    """All tensors of a model's safetensors files, by name, as their headers describe them."""
    return {
        name: entry
        for path in sorted(folder.model_path.glob("model*.safetensors"))
        for name, entry in read_header(path).items()
    }


def _text_config(config: dict[str, Any]) -> dict[str, Any]:
    nested = config.get("text_config")
    return config | nested if isinstance(nested, dict) else config


def _is_number(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
