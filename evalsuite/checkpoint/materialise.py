"""Folders that the engines can load, made once from GGUF files and adapters.

Each is kept under ``<cache>/checkpoints/<fingerprint>``. It appears whole or not at all, and two
runs at once make it once.
"""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

from evalsuite.checkpoint.folder import read_object
from evalsuite.checkpoint.integrity import WAIT
from evalsuite.errors import CheckpointError
from evalsuite.installing import installed

_LOAD_ERRORS: Final = (
    OSError,
    ValueError,
    KeyError,
    RuntimeError,
    IndexError,
    ImportError,
    UnpicklingError,
    struct.error,
)
"""What transformers, peft and gguf raise for files that they cannot make a model of."""

_CHANGES: Final = "evalsuite_changes.json"
"""File in a made folder: what the libraries would have left out, and was carried over."""
_APART: Final = {"torch.float32": 1e-4, "torch.float64": 1e-4}
"""Distance of two sets of logits, relative to their length, that rounding may make."""
_APART_IN_HALF: Final = 0.05
"""The same in bfloat16 and float16: merging rounds every weight once more. All logits together are
looked at: the one that is furthest off was off by 0.055 in a sound merge of SmolLM2."""


def made_once(
    cache: Path, fingerprint: str, make: Callable[[Path], None], room: str = "checkpoints"
) -> Path:
    """Return the folder made for a fingerprint, making it if it is not there yet.

    Args:
        cache: The cache's root.
        fingerprint: Of the inputs.
        make: Writes the content into the empty folder it is given.
        room: Folder of the cache that it is kept in.

    Raises:
        CheckpointError: Where the cache cannot be written, or from ``make``.
    """
    store = cache / room
    done = store / fingerprint
    if done.is_dir():
        return done
    from filelock import FileLock

    try:
        store.mkdir(parents=True, exist_ok=True)
        with FileLock(store / f"{fingerprint}.lock"):
            if done.is_dir():
                return done
            for left_over in store.glob(f".{fingerprint}.*"):
                shutil.rmtree(left_over, ignore_errors=True)
            partial = store / f".{fingerprint}.{os.getpid()}"
            partial.mkdir()
            try:
                make(partial)
                partial.rename(done)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise CheckpointError(
            f"cannot write the cache folder {store} ({error.strerror or error})",
            "free some space, or set EVALSUITE_CACHE to another folder",
        ) from error
    return done


def dequantise(gguf: Path, into: Path) -> None:
    """Write a GGUF file as an ordinary bfloat16 checkpoint.

    Args:
        gguf: The file.
        into: An existing folder; gets weights, config, tokenizer and chat template.

    Raises:
        CheckpointError: Where transformers cannot read the file, or the file has a key that
            cannot be carried over.
    """
    if not installed("gguf"):
        raise CheckpointError(f"{gguf.name} needs the package gguf", "pip install gguf")
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from evalsuite.checkpoint.gguf import (
        carry_over,
        check_all_placed,
        check_keys,
        pooling_of,
        read_metadata,
        settle_ends,
    )

    logging.getLogger(__name__).info("converting %s, once", gguf.name)
    with explained(
        f"{gguf} could not be converted",
        f"if it is still being written, {WAIT}; else pass a safetensors checkpoint",
    ):
        values, tensors, factors = read_metadata(gguf)
        check_keys(gguf, values)
        # Left to themselves, the loaders ask at a terminal whether to trust code beside the file.
        source: dict[str, Any] = {"gguf_file": gguf.name, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, **source)
        config = AutoConfig.from_pretrained(gguf.parent, **source)
        changes = carry_over(gguf, config, values, factors) + settle_ends(tokenizer, values)
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            config=config,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
            **source,
        ).eval()
        check_all_placed(gguf, tensors, model)
        if hasattr(model.config, "quantization_config"):
            # The weights are plain from here on; left in, loaders would quantise them again.
            del model.config.quantization_config
        model.save_pretrained(into)
        tokenizer.save_pretrained(into)
        check_saved(model, into, str(gguf))
        note_changes(into, changes, pooling_of(values))


def note_changes(folder: Path, changes: list[str], pooling: str | None = None) -> None:
    """Remember beside a made checkpoint what was carried over or corrected in making it.

    Args:
        folder: Of the checkpoint.
        changes: One word each.
        pooling: What the source says about pooling.
    """
    noted = {"changes": changes, "pooling": pooling}
    (folder / _CHANGES).write_text(json.dumps(noted), encoding="utf-8")


def stated_pooling(folder: Path) -> Any:
    """The pooling that :func:`note_changes` wrote; ``None`` for none."""
    return read_object(folder / _CHANGES).get("pooling")


def changes_of(folder: Path) -> str | None:
    """What :func:`note_changes` wrote, as one word; ``None`` for nothing."""
    found = read_object(folder / _CHANGES).get("changes")
    return "+".join(map(str, found)) if isinstance(found, list) and found else None


def outputs(model: Any) -> Any:
    """Logits, or the last hidden states of a model without a head, for a few token ids."""
    import torch

    vocabulary = model.get_input_embeddings().weight.shape[0]
    ids = torch.tensor([[(5 + 7 * place) % vocabulary for place in range(16)]])
    with torch.inference_mode():
        found = model(input_ids=ids)
    return found.logits if hasattr(found, "logits") else found.last_hidden_state


def check_saved(model: Any, folder: Path, source: str, wanted: Any = None) -> None:
    """Load what was saved, and compare its outputs with those of the source.

    Args:
        model: Of the class that was saved.
        folder: Where it was saved.
        source: What it was made from, for the message.
        wanted: Outputs of the source; ``None``: those of ``model``.

    Raises:
        CheckpointError: If they differ by more than rounding.
    """
    wanted = outputs(model) if wanted is None else wanted
    loaded = type(model).from_pretrained(folder, dtype=model.dtype).eval()
    found = outputs(loaded)
    limit = _APART.get(str(model.dtype), _APART_IN_HALF)
    apart = float((found - wanted).float().norm() / wanted.float().norm())
    if not apart <= limit:
        raise CheckpointError(
            f"the checkpoint made from {source} computes something else than its source (its "
            f"logits are {apart:.3g} of their length away)",
            "merge or convert it with the library that it comes from, and pass the result",
        )


@contextmanager
def explained(what: str, hint: str) -> Iterator[None]:
    """Turn the libraries' errors into one line, and keep their progress bars quiet."""
    try:
        # Not all of transformers' bars heed its own switch; all of them write to stderr.
        with redirect_stderr(io.StringIO()):
            yield
    except _LOAD_ERRORS as error:
        raise CheckpointError(f"{what} ({type(error).__name__}: {error})", hint) from error
