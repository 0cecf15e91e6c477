"""Folders that the engines can load, made once from GGUF files and adapters.

Each is kept under ``<cache>/checkpoints/<fingerprint>``. It appears whole or not at all, and two
runs at once make it once.
"""

from __future__ import annotations

import io
import logging
import os
import shutil
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, Final

from evalsuite.checkpoint.folder import (
    CODE_FILES,
    CONFIG_FILES,
    TOKENIZER_FILES,
    VOCABULARY_FILES,
    Folder,
    read_folder,
    read_object,
)
from evalsuite.checkpoint.integrity import WAIT, read_header, weights_in
from evalsuite.errors import CheckpointError

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

_PREFIX = "base_model.model."
"""Put by peft before the names of the wrapped model's tensors."""


def made_once(cache: Path, fingerprint: str, make: Callable[[Path], None]) -> Path:
    """Return the folder made for a fingerprint, making it if it is not there yet.

    Args:
        cache: The cache's root.
        fingerprint: Of the inputs.
        make: Writes the content into the empty folder it is given.

    Raises:
        CheckpointError: Where the cache cannot be written, or from ``make``.
    """
    store = cache / "checkpoints"
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
        CheckpointError: Where transformers cannot read the file.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    logging.getLogger(__name__).info("converting %s, once", gguf.name)
    with _explained(
        f"{gguf} could not be converted",
        f"if it is still being written, {WAIT}; else pass a safetensors checkpoint",
    ):
        # Left to themselves, the loaders ask at a terminal whether to trust code beside the file.
        tokenizer = AutoTokenizer.from_pretrained(
            gguf.parent, gguf_file=gguf.name, trust_remote_code=False
        )
        model = AutoModelForCausalLM.from_pretrained(
            gguf.parent,
            gguf_file=gguf.name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
            trust_remote_code=False,
        )
        if hasattr(model.config, "quantization_config"):
            # The weights are plain from here on; left in, loaders would quantise them again.
            del model.config.quantization_config
        model.save_pretrained(into)
        tokenizer.save_pretrained(into)


def merge_adapter(
    base: Path,
    adapter: Path,
    into: Path,
    *,
    allow_pickle: bool = False,
    trust_remote_code: bool = False,
) -> None:
    """Write a base model with a PEFT adapter merged into its weights, in the base's dtype.

    The adapter's tokenizer is taken where it brings one, else the base's.

    Args:
        base: Loadable folder of the base.
        adapter: Folder with ``adapter_config.json`` and its weights.
        into: An existing folder.
        allow_pickle: Load pickle weights where there are no others.
        trust_remote_code: Load the base with the modelling code that it brings.

    Raises:
        CheckpointError: Where the adapter does not fit the base or cannot be merged.
    """
    from peft import PeftModel

    logging.getLogger(__name__).info("merging %s onto its base, once", adapter.name)
    with _explained(f"{adapter} could not be merged onto {base}", "check --base"):
        model = _load_base(base, trust_remote_code)
        shapes = _adapter_shapes(adapter, allow_pickle)
        _resize_vocabulary(model, shapes)
        target = _adapted_part(model, shapes, adapter, base)
        adapted = PeftModel.from_pretrained(target, str(adapter), torch_device="cpu")
        if not hasattr(adapted.base_model, "merge_and_unload"):
            kind = read_object(adapter / "adapter_config.json").get("peft_type")
            raise CheckpointError(
                f"{adapter} is a {kind} adapter, which cannot be merged into weights",
                "use an adapter such as LoRA",
            )
        merged = adapted.merge_and_unload()
        (merged if target is model else model).save_pretrained(into)
    _copy_small_files(read_folder(base), read_folder(adapter), into)


def _load_base(base: Path, trust_remote_code: bool) -> Any:
    import transformers

    folder = read_folder(base)
    if trust_remote_code and (auto_map := folder.config.get("auto_map")):
        auto = "AutoModelForCausalLM" if "AutoModelForCausalLM" in auto_map else "AutoModel"
        loader = getattr(transformers, auto)
        return loader.from_pretrained(folder.model_path, dtype="auto", trust_remote_code=True)
    architecture = folder.architectures[0] if folder.architectures else "no architecture"
    native = getattr(transformers, architecture, None)
    if native is None:
        raise CheckpointError(
            f"the base {base} is {architecture}, which transformers does not know",
            "pass --trust-remote-code if it brings its own code",
        )
    return native.from_pretrained(folder.model_path, dtype="auto")


def _adapter_shapes(adapter: Path, allow_pickle: bool) -> dict[str, tuple[int, ...]]:
    """Tensor name, as in the wrapped model, → shape; empty for pickles, which peft checks."""
    (weights,) = weights_in(adapter, "adapter_model", allow_pickle=allow_pickle)
    if weights.suffix != ".safetensors":
        return {}
    header = read_header(weights)
    return {name.removeprefix(_PREFIX): tuple(entry["shape"]) for name, entry in header.items()}


def _resize_vocabulary(model: Any, shapes: dict[str, tuple[int, ...]]) -> None:
    """Give the base as many token embeddings as an adapter that was trained with more has."""
    rows = [
        shape[0]
        for name, shape in shapes.items()
        if name.endswith(("embed_tokens.weight", "word_embeddings.weight", "lm_head.weight"))
    ]
    if rows and max(rows) != model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(max(rows))


def _adapted_part(model: Any, shapes: dict[str, tuple[int, ...]], adapter: Path, base: Path) -> Any:
    """The model, or its body where the adapter was trained on the body alone.

    peft only warns about tensors that it finds no place for, so a wrong base would be evaluated
    as if nothing had been merged.
    """
    adapted = {name.partition(".lora_")[0] for name in shapes if ".lora_" in name}
    for part in (model, model.base_model):
        if adapted <= {name for name, _ in part.named_modules()}:
            return part
    missing = sorted(adapted - {name for name, _ in model.named_modules()})
    raise CheckpointError(
        f"{adapter} does not fit the base {base}, which has no {missing[0]}",
        "pass the base it was trained on: --base PATH",
    )


def _copy_small_files(base: Folder, adapter: Folder, into: Path) -> None:
    """Copy tokenizer, chat template, module and code files byte for byte.

    A tokenizer is taken whole from one of the two, as mixed files would contradict each other.
    """
    own_tokenizer = any(adapter.files(*VOCABULARY_FILES))
    from_base = (*CONFIG_FILES, *CODE_FILES, *(() if own_tokenizer else TOKENIZER_FILES))
    made = {path.name for path in into.iterdir()}
    for folder, patterns in (
        (base, from_base),
        (adapter, (*CONFIG_FILES, *CODE_FILES, *TOKENIZER_FILES)),
    ):
        for path in folder.files(*patterns):
            relative = path.relative_to(folder.path)
            if path.name == "adapter_config.json" or relative.as_posix() in made:
                continue
            (into / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, into / relative)


@contextmanager
def _explained(what: str, hint: str) -> Iterator[None]:
    """Turn the libraries' errors into one line, and keep their progress bars quiet."""
    try:
        # Not all of transformers' bars heed its own switch; all of them write to stderr.
        with redirect_stderr(io.StringIO()):
            yield
    except _LOAD_ERRORS as error:
        raise CheckpointError(f"{what} ({type(error).__name__}: {error})", hint) from error
