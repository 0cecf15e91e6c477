"""A base model with a PEFT adapter merged into its weights."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

from evalsuite.checkpoint.folder import (
    CODE_FILES,
    CONFIG_FILES,
    TOKENIZER_FILES,
    VOCABULARY_FILES,
    Folder,
    read_folder,
    read_object,
)
from evalsuite.checkpoint.integrity import read_header, weights_in
from evalsuite.checkpoint.materialise import check_saved, explained, note_changes, outputs
from evalsuite.errors import CheckpointError

_PREFIX = "base_model.model."
"""Put by peft before the names of the wrapped model's tensors."""


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
        CheckpointError: Where the adapter does not fit the base, cannot be merged, or the merged
            model computes something else than the adapted one.
    """
    from peft import PeftModel

    logging.getLogger(__name__).info("merging %s onto its base, once", adapter.name)
    with explained(f"{adapter} could not be merged onto {base}", "check --base"):
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
        model.eval()
        wanted = outputs(model)
        changes = ["untied"] if untie(model, shapes) else []
        merged = adapted.merge_and_unload()
        whole = merged if target is model else model
        whole.save_pretrained(into)
        check_saved(whole, into, str(adapter), wanted)
    note_changes(into, changes)
    _copy_small_files(read_folder(base), read_folder(adapter), into)


def untie(model: Any, shapes: dict[str, tuple[int, ...]]) -> bool:
    """Give input and output embeddings weights of their own, where an adapter changes only one.

    Merged into a weight that both share, a low-rank change of the one would change the other.

    Args:
        model: With the adapter's layers in it, not merged yet.
        shapes: Tensor name → shape, of the adapter.

    Returns:
        Whether they shared a weight and no longer do.
    """
    import torch

    ends = ("embed_tokens", "word_embeddings", "wte", "embed_in", "lm_head", "embed_out")
    # Low-rank changes only: peft unties saved modules.
    touched = any(name.partition(".lora_")[0].endswith(ends) for name in shapes if ".lora_" in name)
    text = model.config.get_text_config()
    head = model.get_output_embeddings()
    if not touched or head is None or not getattr(text, "tie_word_embeddings", False):
        return False
    head = getattr(head, "base_layer", head)
    head.weight = torch.nn.Parameter(head.weight.detach().clone(), requires_grad=False)
    for config in (model.config, text):
        config.tie_word_embeddings = False
    return True


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
