"""Models with really packed weights, against the same weights unpacked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from zoo import Equal, Kind, Refused
from zoo_parts import change, decoder

SIZES = {"hidden_size": 128, "intermediate_size": 256}
"""Whole blocks of 128 numbers."""


def logits_of(model: Any, path: Path) -> Callable[[str], tuple[list[int], Any]]:
    """Token ids of a text by the tokenizer's file, and a model's logits."""
    core = Tokenizer.from_file(str(path / "tokenizer.json"))
    model.eval()

    def logits(text: str) -> tuple[list[int], Any]:
        ids = core.encode(text).ids
        with torch.inference_mode():
            return ids, model(torch.tensor([ids])).logits[0].numpy()

    return logits


def fp8(path: Path) -> Equal:
    """Blocks of 128 by 128 numbers in eight bits, as DeepSeek V3 has them."""
    model = decoder(path, **SIZES)
    stored, plain = {}, {}
    for name, value in load_file(path / "model.safetensors").items():
        stored[name] = plain[name] = value
        if "proj" in name:
            scale = value.abs().amax() / 448
            stored[name] = (value / scale).to(torch.float8_e4m3fn)
            blocks = [-(-size // 128) for size in value.shape]
            stored[f"{name}_scale_inv"] = scale.repeat(blocks[0], blocks[1]).contiguous()
            plain[name] = stored[name].float() * scale
    save_file(stored, path / "model.safetensors", metadata={"format": "pt"})
    method = {"quant_method": "fp8", "activation_scheme": "dynamic",
              "weight_block_size": [128, 128]}  # fmt: skip
    change(path / "config.json", quantization_config=method)
    model.load_state_dict(plain, strict=False)
    return Equal(logits=logits_of(model, path))


def compressed(layout: str, **weights: Any) -> Callable[[Path], Equal]:
    """Linear layers in a layout of compressed-tensors."""

    def build(path: Path) -> Equal:
        from compressed_tensors.compressors import ModelCompressor
        from compressed_tensors.quantization import (
            QuantizationArgs,
            QuantizationConfig,
            QuantizationScheme,
            apply_quantization_config,
        )

        decoder(path, **SIZES)
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
        scheme = QuantizationScheme(targets=["Linear"], weights=QuantizationArgs(**weights))
        config = QuantizationConfig(
            config_groups={"all": scheme},
            ignore=["lm_head"],
            quantization_status="initialized",
            format=layout,
        )
        apply_quantization_config(model, config)
        most = 448.0 if weights["type"] == "float" else 2 ** (weights["num_bits"] - 1) - 0.5
        plain = {}
        for name, module in model.named_modules():
            if not hasattr(module, "weight_scale"):
                continue
            value = module.weight.data
            size = weights.get("group_size", value.shape[1])
            groups = value.reshape(value.shape[0], -1, size)
            scale = groups.abs().amax(-1) / most
            module.weight_scale.data = scale.to(module.weight_scale.dtype)
            plain[f"{name}.weight"] = _rounded(groups, scale[..., None], weights).reshape(
                value.shape
            )
        compressor = ModelCompressor(quantization_config=config)
        compressor.compress_model(model)
        stored = {name: value.contiguous() for name, value in model.state_dict().items()}
        right = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32)
        right.load_state_dict(plain, strict=False)
        save_file(stored, path / "model.safetensors", metadata={"format": "pt"})
        compressor.update_config(path)
        return Equal(logits=logits_of(right, path))

    return build


def _rounded(groups: Any, scale: Any, weights: dict[str, Any]) -> Any:
    """The numbers that the packed ones stand for, by definition."""
    if weights["type"] == "float":
        return (groups / scale).to(torch.float8_e4m3fn).float() * scale
    top = 2 ** (weights["num_bits"] - 1)
    return (groups / scale).round().clamp(-top, top - 1) * scale


def packed_for_gpus(method: str, tensor: str) -> Callable[[Path], Refused]:
    """Packed weights of a method that nothing here runs."""

    def build(path: Path) -> Refused:
        decoder(path)
        weights = load_file(path / "model.safetensors")
        name = next(one for one in weights if "q_proj" in one)
        weights[name.replace("weight", tensor)] = torch.zeros(4, 4, dtype=torch.int32)
        save_file(weights, path / "model.safetensors", metadata={"format": "pt"})
        change(path / "config.json", quantization_config={"quant_method": method, "bits": 4})
        return Refused(f"quant_method is '{method}': nothing here runs such weights on a CPU")

    return build


def unstated(path: Path) -> Refused:
    """Packed weights without a word in the config."""
    packed_for_gpus("gptq", "qweight")(path)
    change(path / "config.json", quantization_config=None)
    return Refused("has no quantization_config")


def kinds() -> Iterator[Kind]:
    """All of them."""
    yield Kind("quantised", "fp8", fp8)
    four = {"num_bits": 4, "type": "int", "symmetric": True, "strategy": "group", "group_size": 32}
    yield Kind("quantised", "compressed-tensors, 4 bit", compressed("pack-quantized", **four))
    eight = {"num_bits": 8, "type": "int", "symmetric": True, "strategy": "channel"}
    yield Kind("quantised", "compressed-tensors, 8 bit", compressed("int-quantized", **eight))
    floats = {**eight, "type": "float"}
    yield Kind("quantised", "compressed-tensors, fp8", compressed("float-quantized", **floats))
    for method, tensor in (("gptq", "qweight"), ("awq", "qweight"), ("bitsandbytes", "absmax"),
                           ("mxfp4", "weight_blocks"), ("torchao", "weight_scale")):  # fmt: skip
        yield Kind("quantised", method, packed_for_gpus(method, tensor))
    yield Kind("quantised", "packed weights that the config does not state", unstated)
