"""Embedding with vLLM: the vectors of the transformers encoder, and refusal of wrong attention.

vLLM wants a process of its own; one process embeds with all of the tiny checkpoints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from evalsuite.checkpoint.models import Checkpoint
from evalsuite.engines.load import load_encoder
from evalsuite.engines.vllm.plugin import ARCHITECTURES
from evalsuite.store import Store
from helpers.tiny_encoders import checkpoint, save_model

pytestmark = pytest.mark.e2e
pytest.importorskip("vllm")

PREFIX = "<|user|>\nFind it\n<|embed|>\n"
TEXTS = [
    "a cat",
    "",
    "the sun is a star, the moon is not",
    "a cat",
    "x",
    "nine hundred and ninety-nine characters would be too long for the limit of this protocol",
    "Füße, 猫 and <s>",
]
POOLINGS = ["mean", "weighted_mean", "last", "cls"]
FAMILIES: dict[str, dict[str, Any]] = {
    "llama": {},
    "mistral": {},
    "qwen2": {},
    "qwen2-plain": {"use_sliding_window": False},
    "qwen3": {"num_key_value_heads": 2, "head_dim": 32},
}
"""Mistral's window of 4 tokens is shorter than most of the texts, and so is Qwen2's, which some
of its layers have: with causal attention that is refused before anything is loaded."""

CASES = [
    (family, attention)
    for family in FAMILIES
    for attention in ("bidirectional", "causal")
    if (family, attention) != ("qwen2", "causal")
]

WRONG: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "causal instead of bidirectional": (
        "llama",
        "bidirectional",
        {"is_causal": True},
        "attends causal, but the protocol asks for bidirectional attention",
    ),
    "bidirectional instead of causal": (
        "qwen3",
        "causal",
        {"is_causal": False},
        "attends bidirectional, but the protocol asks for causal attention",
    ),
    "a window that is seen": (
        "mistral",
        "bidirectional",
        {"sliding_window": 3},
        "attends partly bidirectional, but the protocol asks for bidirectional attention",
    ),
    "a window longer than the probe": (
        "mistral",
        "bidirectional",
        {"sliding_window": 32},
        "attends partly bidirectional, but the protocol asks for bidirectional attention",
    ),
}


def tiny(path: Path, **protocol: Any) -> Checkpoint:
    return checkpoint(path, engine="vllm", **protocol)


def job(which: Checkpoint, **changes: Any) -> dict[str, Any]:
    return {
        "checkpoint": which.model_dump(mode="json"),
        "dtype": "float32",
        "poolings": POOLINGS,
        "calls": [["", TEXTS], [PREFIX, TEXTS], [PREFIX, []]],
        "wrong": {},
    } | changes


def ask(jobs: dict[str, dict[str, Any]], folder: Path) -> dict[str, dict[str, Any]]:
    """What :mod:`vllm_vectors` answers."""
    script = Path(__file__).with_name("vllm_vectors.py")
    done = subprocess.run(
        [sys.executable, str(script), str(folder / "out.json")],
        input=json.dumps(list(jobs.values())),
        # Each engine takes its cache at once, and none ends before the last.
        env={**os.environ, "VLLM_CPU_KVCACHE_SPACE": "1"},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(jobs, json.loads((folder / "out.json").read_text()), strict=True))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    # vLLM's attention on a CPU has no heads of 8 numbers, as the other tests' models have.
    return {
        name: save_model(
            tmp_path_factory.mktemp(name), name.removesuffix("-plain"), hidden_size=128, **config
        )
        for name, config in FAMILIES.items()
    }


@pytest.fixture(scope="module")
def broken(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model whose hidden states for the letter ``q`` are NaN."""
    folder = tmp_path_factory.mktemp("broken")
    for path in models["llama"].iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    weights = load_file(folder / "model.safetensors")
    weights["embed_tokens.weight"][3 + ord("q")] = torch.nan
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.fixture(scope="module")
def answers(
    models: dict[str, Path], broken: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, dict[str, Any]]:
    jobs = {
        f"{family} {attention}": job(tiny(models[family], attention=attention))
        for family, attention in CASES
    }
    jobs["unit"] = job(tiny(models["llama"], normalize=True))
    jobs["bfloat16"] = job(tiny(models["llama"]), dtype="bfloat16")
    jobs["nan"] = job(tiny(broken), calls=[[PREFIX, ["fine", "iraq"]]])
    for name, (family, attention, wrong, _) in WRONG.items():
        jobs[name] = job(tiny(models[family], attention=attention), wrong=wrong)
    return ask(jobs, tmp_path_factory.mktemp("answers"))


def cosines(a: Any, b: Any) -> Any:
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    return (a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1))


def expected(path: Path, pooling: str, prefix: str, **protocol: Any) -> Any:
    which = checkpoint(path, pooling=pooling, **protocol)
    return load_encoder(which, device="cpu", dtype="float32").encode(TEXTS, prefix)


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize(("family", "attention"), CASES)
def test_the_vectors_are_those_of_transformers(
    models: dict[str, Path],
    answers: dict[str, dict[str, Any]],
    family: str,
    attention: str,
    pooling: str,
) -> None:
    answer = answers[f"{family} {attention}"]
    assert answer["version"].startswith("vllm ")
    assert answer["dimension"] == 128
    without, with_prefix, nothing = answer["vectors"][pooling]
    assert nothing == []
    for vectors, prefix in ((without, ""), (with_prefix, PREFIX)):
        theirs = expected(models[family], pooling, prefix, attention=attention)
        assert cosines(vectors, theirs).min() > 1 - 1e-5
        np.testing.assert_allclose(vectors, theirs, rtol=0, atol=1e-4)


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2-plain", "qwen3"])
def test_causal_and_bidirectional_differ(answers: dict[str, dict[str, Any]], family: str) -> None:
    both, one = (answers[f"{family} {how}"]["vectors"] for how in ("bidirectional", "causal"))
    long = 5
    assert cosines(both["mean"][1], one["mean"][1])[long] < 0.99


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_attention_switch_is_caught(answers: dict[str, dict[str, Any]], name: str) -> None:
    error = answers[name]["error"]
    assert error.startswith("EngineError: ")
    assert WRONG[name][3] in error


def test_normalised_vectors(models: dict[str, Path], answers: dict[str, dict[str, Any]]) -> None:
    theirs = expected(models["llama"], "mean", PREFIX, normalize=True)
    np.testing.assert_allclose(answers["unit"]["vectors"]["mean"][1], theirs, rtol=0, atol=1e-5)


def test_bfloat16_is_pooled_in_float32(
    models: dict[str, Path], answers: dict[str, dict[str, Any]]
) -> None:
    vectors = answers["bfloat16"]["vectors"]["mean"][1]
    theirs = expected(models["llama"], "mean", PREFIX)
    assert 1e-8 < (1 - cosines(vectors, theirs)).max() < 1e-2
    rounded = torch.tensor(vectors).bfloat16().float().numpy()
    assert (rounded != np.asarray(vectors, np.float32)).any()


def test_vectors_that_are_not_finite_are_refused(answers: dict[str, dict[str, Any]]) -> None:
    error = answers["nan"]["error"]
    assert error.startswith("EngineError: not-finite: the vector of the text 'iraq'")


APART = """
import json, sys
from vllm import LLM
from evalsuite.engines.vllm.pooler import pooling_params

if __name__ == "__main__":
    job = json.load(sys.stdin)
    engine = LLM(
        job["path"], dtype="float32", runner="pooling", convert="embed", enforce_eager=True,
        enable_prefix_caching=False, enable_chunked_prefill=False, max_model_len=64,
        hf_overrides=job["overrides"],
    )
    (found,) = engine.encode(
        [{"prompt_token_ids": job["ids"]}],
        pooling_params("mean", job["leave_out"]),
        pooling_task="embed",
    )
    open(sys.argv[1], "w").write(json.dumps(found.outputs.data.tolist()))
"""


def test_a_process_of_vllms_own_loads_the_plugin(models: dict[str, Path], tmp_path: Path) -> None:
    """Nothing but the entry point tells that process of the model class."""
    which = checkpoint(models["llama"])
    shown = load_encoder(which, weights=False).render("a cat", PREFIX)
    (tmp_path / "apart.py").write_text(APART)
    asked = {
        "path": str(models["llama"]),
        "overrides": {"architectures": [ARCHITECTURES["LlamaModel"]], "is_causal": False},
        "ids": shown.token_ids,
        "leave_out": shown.pooled_from,
    }
    done = subprocess.run(
        [sys.executable, str(tmp_path / "apart.py"), str(tmp_path / "out.json")],
        input=json.dumps(asked),
        env={**os.environ, "VLLM_ENABLE_V1_MULTIPROCESSING": "1", "VLLM_CPU_KVCACHE_SPACE": "1"},
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    vector = json.loads((tmp_path / "out.json").read_text())
    (theirs, *_) = expected(models["llama"], "mean", PREFIX)
    np.testing.assert_allclose(vector, theirs, rtol=0, atol=1e-4)


def run(out: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "evalsuite.cli", "run", "--ckpt", "demo:smollm2"]
    command += ["--tasks", "smoke-sts", "--limit", "20", "--dtype", "float32"]
    command += ["--out", str(out), "--reports", str(out / "reports"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_task_has_the_same_score_with_both_engines(tmp_path: Path) -> None:
    for engine in ("vllm", "transformers"):
        run(tmp_path, "--engine", engine)
    records = {record.signature.engine.split()[0]: record for record in Store(tmp_path).records()}
    assert set(records) == {"vllm", "transformers"}
    theirs, ours = (100 * (records[name].score or 0.0) for name in ("transformers", "vllm"))
    assert ours == pytest.approx(theirs, abs=0.1)
    assert "engine:vllm-" in records["vllm"].signature.short()
