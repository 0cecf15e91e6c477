"""A model that vLLM splits over two processes, as over two GPUs: here over two cores of a CPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evalsuite.checkpoint import resolve
from evalsuite.engines.load import load_generator
from evalsuite.engines.protocols import GenerationRequest
from helpers.tiny_encoders import tokenizer

IDS, TOKENS = tuple(range(1, 20)), 8

PROGRAM = """
import json, os, sys

if __name__ == "__main__":
    from evalsuite.engines.vllm.environment import prepare

    prepare("cpu")
    from vllm import SamplingParams

    from evalsuite.checkpoint import resolve
    from evalsuite.engines.call_scheduler import Pass
    from evalsuite.engines.vllm.engine import VllmEngine

    folder, ids, tokens = json.loads(sys.argv[1])
    engine = VllmEngine(
        resolve(folder), None, dtype="float32", max_model_len=128, tensor_parallel_size=2
    )
    engine.add("0", Pass(tuple(ids), SamplingParams(temperature=0, max_tokens=tokens)))
    while not (ended := engine.step()):
        pass
    found = [ended[0][1].outputs[0].text, engine.details(), engine.attention()]
    os.write(1, b"\\nFOUND " + json.dumps(found).encode())
    os._exit(0)
"""


@pytest.mark.e2e
@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="a core for each part")
def test_a_split_model_answers_as_a_whole_one_and_its_layers_are_known(tmp_path: Path) -> None:
    pytest.importorskip("vllm")
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=259, hidden_size=128, intermediate_size=128, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
        initializer_range=0.1, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(tmp_path)
    tokenizer().save_pretrained(tmp_path)
    whole = load_generator(
        resolve(str(tmp_path)), engine="transformers", device="cpu", dtype="float32"
    )
    [expected] = whole.generate([GenerationRequest(IDS, TOKENS)])

    first, second, *_ = sorted(os.sched_getaffinity(0))
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps([str(tmp_path), IDS, TOKENS])],
        env={**os.environ, "VLLM_CPU_OMP_THREADS_BIND": f"{first}|{second}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "FOUND " in done.stdout, done.stderr[-2000:]
    text, details, layers = json.loads(done.stdout.partition("FOUND ")[2])
    assert text == expected.text
    assert details["vllm_tensor_parallel"] == "2"
    assert layers == [["CPU_ATTN", None]] * 2
